package aurasim

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
)

// names makes up the IDs and passwords of what is created, the same ones for the same seed and order of requests.
type names struct {
	rng *mathrand.Rand
}

func newNames(seed uint64) *names {
	return &names{rng: mathrand.New(mathrand.NewPCG(seed, 0x6e616d6573))}
}

func (n *names) instanceID() string { return fmt.Sprintf("%08x", n.rng.Uint32()) }

func (n *names) uuid() string { return uuidOf(n.rng.Uint64(), n.rng.Uint64()) }

func uuidOf(hi, lo uint64) string {
	hi = hi&^0xf000 | 0x4000         // version 4
	lo = lo&^(3<<62) | uint64(2)<<62 // variant 1
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

// userOf is the console user behind a client ID, the same one every time.
func userOf(clientID string) string {
	sum := sha256.Sum256([]byte(clientID))
	return uuidOf(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16]))
}

func (n *names) password() string {
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789_-"
	out := make([]byte, 43)
	for i := range out {
		out[i] = letters[n.rng.IntN(len(letters))]
	}
	return string(out)
}

// newToken looks like a JWT and means nothing. It never depends on a seed: two simulators must not accept each
// other's tokens, or a client that mixes up its profiles would pass its tests.
func newToken() string {
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`))
	return header + "." + randomText(60) + "." + randomText(64)
}

func newRequestID() string {
	raw := make([]byte, 18)
	rand.Read(raw) // never fails, by its documentation
	return fmt.Sprintf("%s/%d", hex.EncodeToString(raw[:16]), 1_000_000+int(raw[16])<<8+int(raw[17]))
}

func randomText(n int) string {
	raw := make([]byte, n)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}
