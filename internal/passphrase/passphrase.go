// Package passphrase keeps what a person types as a slow salted hash, so that whoever reads the file cannot read the word.
package passphrase

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of argon2id, as RFC 9106 section 4 recommends where memory is limited: about a tenth of a second.
const (
	passes  = 3
	memory  = 64 << 10 // KiB
	threads = 4
	keySize = 32
)

// Hash returns a hash of the words in the usual text form ($argon2id$…), with a salt of its own.
func Hash(words string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it never fails: the program ends where there is no randomness
	key := argon2.IDKey([]byte(words), salt, passes, memory, threads, keySize)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

var errFormat = errors.New("is no hash of the form $argon2id$v=19$m=…,t=…,p=…$salt$key")

// Check says what is wrong with a hash, or nil.
func Check(hash string) error {
	_, err := parse(hash)
	return err
}

// Matches reports whether the hash is one of the words.
func Matches(hash, words string) (bool, error) {
	h, err := parse(hash)
	if err != nil {
		return false, err
	}
	made := argon2.IDKey([]byte(words), h.salt, h.passes, h.memory, h.threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(made, h.key) == 1, nil
}

// hashed is a hash taken apart.
type hashed struct {
	passes, memory uint32
	threads        uint8
	salt, key      []byte
}

func parse(hash string) (hashed, error) {
	parts := strings.Split(strings.TrimSpace(hash), "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return hashed{}, errFormat
	}
	var version int
	var m, t uint32
	var p uint8
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return hashed{}, errFormat
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &p); err != nil || t == 0 || p == 0 || m > 1<<20 || t > 100 {
		return hashed{}, errFormat
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	key, errKey := base64.RawStdEncoding.DecodeString(parts[5])
	if errSalt != nil || errKey != nil || len(key) < 16 || len(key) > 64 {
		return hashed{}, errFormat
	}
	return hashed{passes: t, memory: m, threads: p, salt: salt, key: key}, nil
}
