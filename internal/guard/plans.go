package guard

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"aura-mcp/internal/op"
	"aura-mcp/internal/state"
)

// pending is a plan shown to a person and not decided yet.
type pending struct {
	approved  op.Plan // what the person sees, and so all that an approval covers
	operation string
	key       string // of the task
	asked     time.Time
}

// fits reports whether the task is the one that the person was asked about, for the same caller.
func (p *pending) fits(t task) bool { return p.key == t.key() }

// plans keeps what waits for a decision. What the client carries is only a sealed reference: single use cannot be had from a
// token alone, since whoever holds it can send it twice.
type plans struct {
	seals   []cipher.AEAD // the first seals, any opens
	waiting state.Store   // an owner's oldest gives way, and its answer then counts as none
}

func newPlans(keys [][]byte, store state.Store) (*plans, error) {
	if len(keys) == 0 {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("key for approvals: %w", err)
		}
		keys = [][]byte{key}
	}
	p := &plans{waiting: store}
	for _, key := range keys {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("key for approvals: %w", err)
		}
		seal, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("key for approvals: %w", err)
		}
		p.seals = append(p.seals, seal)
	}
	return p, nil
}

// sealed is what the state says once opened. It repeats what the plan is bound to, so that a state that is too old or was taken
// to another operation fails wherever plans are kept.
type sealed struct {
	Plan      string    `json:"plan"`
	Operation string    `json:"operation"`
	Expires   time.Time `json:"expires"`
}

// sealContext separates this use of the key from any other.
const sealContext = "aura-mcp approval v1"

// add keeps a plan for a decision and returns its sealed reference.
func (p *plans) add(t task, plan op.Plan) (string, error) {
	now := time.Now()
	id := rand.Text()
	reference, err := json.Marshal(sealed{Plan: id, Operation: t.Operation.Spec.Name, Expires: now.Add(planTime)})
	if err != nil {
		return "", fmt.Errorf("seal the plan: %w", err)
	}
	p.waiting.Put(planKey(id), t.call.Caller.Principal, &pending{approved: plan, operation: t.Operation.Spec.Name, key: t.key(), asked: now}, now.Add(planTime))
	box := p.seals[0].Seal(nil, nil, reference, []byte(sealContext)) //nolint:gosec // this AEAD makes its own random nonce
	return base64.RawURLEncoding.EncodeToString(box), nil
}

func planKey(id string) state.Key { return state.Key{Kind: "plan", Name: id} }

var errStateInvalid = errors.New("not a state of this server")

// take opens a reference and removes its plan: whatever the answer that comes with it, the plan is used up.
func (p *plans) take(reference string) (*pending, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(reference)
	if err != nil {
		return nil, errStateInvalid
	}
	var opened sealed
	if !p.open(raw, &opened) {
		return nil, errStateInvalid
	}
	found, _ := p.waiting.Take(planKey(opened.Plan))
	plan, ok := found.(*pending)
	if !ok || plan.operation != opened.Operation || !time.Now().Before(opened.Expires) {
		return nil, errStateInvalid
	}
	return plan, nil
}

func (p *plans) open(box []byte, into *sealed) bool {
	for _, seal := range p.seals {
		if opened, err := seal.Open(nil, nil, box, []byte(sealContext)); err == nil {
			return json.Unmarshal(opened, into) == nil
		}
	}
	return false
}
