# The image holds the static program, the certificates of public authorities, and nothing else: no shell, no package manager.
#
#   docker build -t aura-mcp .
#   docker run -i --rm -e AURA_CLIENT_ID -e AURA_CLIENT_SECRET -v aura-mcp:/home/aura/.local/state aura-mcp
#
# docs/clients.md says more: the API key from a file, the demo, what the volume is for.

ARG GO_VERSION=1.26

FROM --platform=${BUILDPLATFORM:-linux/amd64} golang:${GO_VERSION} AS build
ARG TARGETOS=linux
ARG TARGETARCH=amd64
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# With .git: the version that the program tells is the commit's or its tag's.
COPY . .
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -ldflags="-s -w" -o /out/aura-mcp . && \
    mkdir -p /out/home/.config/aura-mcp /out/home/.local/state

FROM scratch
# The name in the MCP registry, which looks for it here; server.json has it, and make image passes it on.
ARG SERVER_NAME=
LABEL io.modelcontextprotocol.server.name=${SERVER_NAME} \
      org.opencontainers.image.title="aura-mcp" \
      org.opencontainers.image.description="MCP server for a fleet of Neo4j Aura databases"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/aura-mcp /aura-mcp
COPY --from=build --chown=65532:65532 --chmod=0700 /out/home /home/aura
USER 65532:65532
ENV HOME=/home/aura
# The audit and one-time passwords of new databases: without a volume they go with the container.
VOLUME /home/aura/.local/state
ENTRYPOINT ["/aura-mcp"]
