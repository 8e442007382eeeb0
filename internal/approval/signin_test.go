package approval

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"

	"aura-mcp/internal/passphrase"
	"aura-mcp/internal/state"
)

func TestALockedNameIsFreeAgainAfterAWhile(t *testing.T) {
	t.Parallel()
	salt := []byte("saltsaltsaltsalt") // and a cheap hash: this is not about how slow it is
	key := argon2.IDKey([]byte("right"), salt, 1, 64, 1, 32)
	hash := fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s", base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
	synctest.Test(t, func(t *testing.T) {
		store, p := state.NewMemory(), NewPassphrases(func(name string) (string, bool) { return hash, name == "anna" })
		try := func(words string) string {
			if _, err := p.try(store, "anna", words); err != nil {
				return err.Error()
			}
			return ""
		}
		for range maxWrong {
			if said := try("wrong"); !strings.Contains(said, "not the passphrase") {
				t.Fatal(said)
			}
		}
		if said := try("right"); !strings.Contains(said, "none of that name is taken before") {
			t.Errorf("locked: %q", said)
		}
		<-time.After(lockedFor)
		if said := try("right"); said != "" {
			t.Errorf("after the lock: %q", said)
		}
		for range maxWrong - 1 { // a right one begins a new count
			try("wrong")
		}
		if said := try("right"); said != "" {
			t.Errorf("the fifth try: %q", said)
		}
	})
}

// Where a name has no passphrase, the comparison has to take as long as with one.
func TestNobodyLearnsWhichNamesThereAre(t *testing.T) {
	t.Parallel()
	if err := passphrase.Check(unknown); err != nil {
		t.Errorf("the hash for unknown names: %v", err)
	}
	if of, cost := strings.Split(passphrase.Hash("x"), "$"), strings.Split(unknown, "$"); of[3] != cost[3] {
		t.Errorf("it costs %s, that of a known name %s", cost[3], of[3])
	}
}
