package aurasim

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// answer is what goes out, unless a fault gets in between.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// data is an answer in the envelope of the API.
func data(status int, value any) answer { return plain(status, wireData{Data: value}) }

func plain(status int, value any) answer {
	body, err := json.Marshal(value)
	if err != nil { // the values are our own structs
		return gateway(http.StatusInternalServerError, err.Error()).answer()
	}
	return answer{status: status, body: body}
}

func answerTo(err error) answer {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.answer()
	}
	return gateway(http.StatusInternalServerError, err.Error()).answer()
}

// padding is what makes the body huge, compressed if the body is: of two streams in a row both are read.
func (a answer) padding() []byte {
	blanks := bytes.Repeat([]byte(" "), hugePadding)
	if a.header.Get("Content-Encoding") == "gzip" {
		return gzipped(blanks)
	}
	return blanks
}

// headers is the complete header of the answer.
func (a answer) headers() http.Header {
	h := http.Header{}
	h.Set("X-Request-Id", newRequestID())
	if len(a.body) > 0 {
		h.Set("Content-Type", "application/json")
	}
	if a.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	for name, values := range a.header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	return h
}
