# The image holds the static program, the certificates of public authorities, and nothing else: no shell, no package manager.
#
#   docker build -t aura-mcp .
#   docker run -i --rm -e AURA_CLIENT_ID -e AURA_CLIENT_SECRET -v aura-mcp:/home/aura/.local/state aura-mcp
#
# docs/clients.md says more: the API key from a file, the demo, what the volume is for. With SOURCE_DATE_EPOCH, which make image
# sets to the time of the commit, the same commit makes the same files with the same times.

ARG GO_VERSION=1.26

FROM --platform=${BUILDPLATFORM:-linux/amd64} golang:${GO_VERSION} AS build
ARG TARGETOS=linux
ARG TARGETARCH=amd64
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# With .git: the version that the program tells is the commit's or its tag's.
COPY . .
ARG SOURCE_DATE_EPOCH=0
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -ldflags="-s -w" -o /out/root/aura-mcp . && \
    install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /out/root/etc/ssl/certs/ca-certificates.crt && \
    mkdir -p /out/user/home/aura/.config/aura-mcp /out/user/home/aura/.local/state && \
    chmod -R 0700 /out/user/home/aura && \
    find /out -exec touch --date="@${SOURCE_DATE_EPOCH}" {} +

FROM scratch
# The name in the MCP registry, which looks for it here; server.json has it, and make image passes it on.
ARG SERVER_NAME=
LABEL io.modelcontextprotocol.server.name=${SERVER_NAME} \
      org.opencontainers.image.title="aura-mcp" \
      org.opencontainers.image.description="MCP server for a fleet of Neo4j Aura databases"
COPY --from=build /out/root /
COPY --from=build --chown=65532:65532 /out/user /
USER 65532:65532
ENV HOME=/home/aura
# The audit and one-time passwords of new databases: without a volume they go with the container.
VOLUME /home/aura/.local/state
# Of a server over HTTP, whose transport and address the config file or the environment say; on stdio there is nothing to ask.
HEALTHCHECK CMD ["/aura-mcp", "healthcheck"]
ENTRYPOINT ["/aura-mcp"]
