package aurasim

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	keyPending = "pending"
	keyReady   = "ready"
)

// keyStatuses are the two that are known and two that are plausible: Aura declares a free text.
func keyStatuses() []string { return []string{keyPending, keyReady, "deleting", "error"} }

func keyInstanceTypes() []string {
	var out []string
	for _, p := range plans() {
		if p.customerKey {
			out = append(out, p.name)
		}
	}
	return out
}

// key is a customer managed key. Its Status is empty as long as it follows from the clock.
type key struct {
	KeyState
}

func (s *store) keyStatus(k *key, now time.Time) string {
	return cmp.Or(k.Status, s.passing(opCreateKey, k.Created, now))
}

func (s *store) keyState(k *key, now time.Time) KeyState {
	out := k.KeyState
	out.Status = s.keyStatus(k, now)
	return out
}

func (s *store) key(id string) (*key, bool) {
	for _, k := range s.keys {
		if k.ID == id {
			return k, true
		}
	}
	return nil, false
}

// addLoadedKey keeps a pending key pending: that somebody would set its permission up is not in a state.
func (s *store) addLoadedKey(state KeyState, now time.Time) {
	state.Status = cmp.Or(state.Status, keyReady)
	if state.Created.IsZero() {
		state.Created = now
	}
	s.keys = append(s.keys, &key{state})
}

// keyUser is an instance that is encrypted with the key, until it is destroyed for good.
func (s *store) keyUser(keyID string) (*instance, bool) {
	for _, in := range s.all() {
		if in.CustomerManagedKeyID == keyID {
			return in, true
		}
	}
	return nil, false
}

func (s *Server) listKeys(c *call) (answer, error) {
	tenant, err := s.tenantFilter(c, "tenantId")
	if err != nil {
		return answer{}, err
	}
	out := []wireKeySummary{}
	for _, k := range s.store.keys {
		if c.who.sees(k.TenantID) && (tenant == "" || k.TenantID == tenant) {
			out = append(out, wireKeySummary{ID: k.ID, Name: k.Name, TenantID: k.TenantID})
		}
	}
	return data(http.StatusOK, out), nil
}

func (s *Server) createKey(c *call) (answer, error) {
	want, err := readKey(c)
	if err != nil {
		return answer{}, err
	}
	tenant, ok := s.store.tenant(want.TenantID)
	if !ok || !c.who.sees(tenant.ID) {
		return answer{}, unauthorized()
	}
	if !tenant.offers(want.CloudProvider, want.Region, want.InstanceType) {
		return answer{}, invalidField("region", "%s is not on offer for %s in %s %s",
			want.InstanceType, tenant.Name, want.CloudProvider, want.Region)
	}
	want.ID, want.Created = s.store.names.uuid(), c.now
	if s.quirks.KeyStaysPending {
		want.Status = keyPending
	}
	k := &key{want}
	s.store.keys = append(s.store.keys, k)
	return data(http.StatusAccepted, s.wireKey(k, c.now)), nil
}

func readKey(c *call) (KeyState, error) {
	var want KeyState
	err := c.fields(func(o *object) {
		want = KeyState{
			KeyID: o.requireText("key_id"), Name: o.requireText("name"), Region: o.requireText("region"), TenantID: o.requireText("tenant_id"),
			CloudProvider: o.oneOf("cloud_provider", providers()), InstanceType: o.oneOf("instance_type", keyInstanceTypes()),
		}
		o.require("cloud_provider")
		o.require("instance_type")
		if o.has("key_id") && strings.TrimSpace(want.KeyID) == "" { // its form is the cloud provider's affair
			o.complain("key_id", "must not be empty")
		}
		if wrong := lengthComplaint(want.Name); wrong != "" && o.has("name") {
			o.complain("name", "%s", wrong)
		}
	})
	return want, err
}

func (s *Server) getKey(c *call) (answer, error) {
	k, err := s.targetKey(c)
	if err != nil {
		return answer{}, err
	}
	return data(http.StatusOK, s.wireKey(k, c.now)), nil
}

func (s *Server) deleteKey(c *call) (answer, error) {
	k, err := s.targetKey(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.store.removeKey(k); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

func (s *store) removeKey(k *key) error {
	if in, used := s.keyUser(k.ID); used {
		return refuse(http.StatusBadRequest, "encryption-key-is-active",
			"Cannot delete key %s: it is linked to the active instance %s", k.ID, in.ID)
	}
	s.keys = slices.DeleteFunc(s.keys, func(other *key) bool { return other == k })
	return nil
}

// targetKey is the key that the path names.
func (s *Server) targetKey(c *call) (*key, error) {
	k, ok := s.store.key(c.params["keyId"])
	switch {
	case !ok:
		return nil, keyNotFound(c.params["keyId"])
	case !c.who.sees(k.TenantID):
		return nil, unauthorized()
	default:
		return k, nil
	}
}

// permitKey checks the key that a new instance is to be encrypted with. Somebody else's key is not found.
func (s *Server) permitKey(want InstanceState, now time.Time) error {
	k, ok := s.store.key(want.CustomerManagedKeyID)
	if !ok || k.TenantID != want.TenantID {
		return keyNotFound(want.CustomerManagedKeyID)
	}
	status := s.store.keyStatus(k, now)
	switch {
	case status != keyReady:
		return invalidField("customer_managed_key_id", "key %s is %s, not %s", k.ID, status, keyReady)
	case !k.fits(want):
		return invalidField("customer_managed_key_id", "key %s is for %s in %s %s", k.ID, k.InstanceType, k.CloudProvider, k.Region)
	default:
		return nil
	}
}

func (k KeyState) fits(in InstanceState) bool {
	return k.InstanceType == in.Type && k.CloudProvider == in.CloudProvider && k.Region == in.Region
}

func (s *Server) wireKey(k *key, now time.Time) wireKey {
	return wireKey{
		ID: k.ID, Name: k.Name, Created: stamp(k.Created), CloudProvider: k.CloudProvider, KeyID: k.KeyID, Region: k.Region,
		Type: k.InstanceType, InstanceType: k.InstanceType, TenantID: k.TenantID, Status: s.store.keyStatus(k, now),
	}
}
