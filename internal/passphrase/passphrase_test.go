package passphrase_test

import (
	"strings"
	"testing"

	"aura-mcp/internal/passphrase"
)

func TestAHashKnowsItsWordsAndNoOthers(t *testing.T) {
	t.Parallel()
	hash := passphrase.Hash("4711")
	if again := passphrase.Hash("4711"); again == hash {
		t.Error("two hashes of the same words are equal: there is no salt")
	}
	if strings.Contains(hash, "4711") {
		t.Errorf("the words stand in %s", hash)
	}
	for words, want := range map[string]bool{"4711": true, "4712": false, "": false, "04711": false} {
		if got, err := passphrase.Matches(hash+"\n", words); err != nil || got != want {
			t.Errorf("%q matches: %v, %v, want %v", words, got, err, want)
		}
	}
}

func TestWhatIsNoHashIsAnErrorAndNoMatch(t *testing.T) {
	t.Parallel()
	good := passphrase.Hash("4711")
	for _, hash := range []string{
		"", "4711", "$", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "t=3", "t=0", 1), strings.Replace(good, "m=65536", "m=99999999", 1), good[:len(good)-40],
		good + "$more", strings.Replace(good, "p=4", "p=0", 1),
	} {
		if ok, err := passphrase.Matches(hash, "4711"); err == nil || ok {
			t.Errorf("%q: %v, %v", hash, ok, err)
		}
	}
}
