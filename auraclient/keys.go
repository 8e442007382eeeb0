package auraclient

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// CustomerManagedKeysService works on the encryption keys that instances of the
// Virtual Dedicated Cloud can be created with. The key itself stays with the cloud
// provider; Aura keeps a reference to it.
type CustomerManagedKeysService struct{ c *Client }

// KeyStatus is the state of a customer managed key, an open enumeration as
// [Status] is.
type KeyStatus string

// The key statuses there are. Aura's specification lists none; its examples have
// the first two.
const (
	KeyPending  KeyStatus = "pending" // until the cloud provider lets Aura use the key
	KeyReady    KeyStatus = "ready"   // the only one in which instances can be created with it
	KeyDeleting KeyStatus = "deleting"
	KeyError    KeyStatus = "error"
)

// Failed reports whether the key will not become ready by itself. As the wording
// is not documented, any status that speaks of an error or failure is one.
func (s KeyStatus) Failed() bool {
	word := strings.ToLower(string(s))
	return strings.Contains(word, "error") || strings.Contains(word, "fail")
}

// CustomerManagedKeySummary is what a list says about a key.
type CustomerManagedKeySummary struct {
	ID       string
	Name     string
	TenantID string
}

// CustomerManagedKey is a key as Aura knows it. What Aura did not say is zero.
type CustomerManagedKey struct {
	ID            string
	Name          string
	TenantID      string
	KeyID         string // the cloud provider's, such as an ARN
	CloudProvider string // gcp, aws or azure
	Region        string
	InstanceType  InstanceType // the plan whose instances can use it
	Status        KeyStatus
	CreatedAt     time.Time
}

// CreateCustomerManagedKeyRequest describes a key to be made known to Aura. All
// fields are required.
type CreateCustomerManagedKeyRequest struct {
	Name          string       `json:"name"`   // 1 to 30 characters
	KeyID         string       `json:"key_id"` // the cloud provider's, such as an ARN
	TenantID      string       `json:"tenant_id"`
	CloudProvider string       `json:"cloud_provider"`
	Region        string       `json:"region"`
	InstanceType  InstanceType `json:"instance_type"` // enterprise-db or enterprise-ds
}

func (r CreateCustomerManagedKeyRequest) check() error {
	return required([]argument{
		{"name", r.Name}, {"key id", r.KeyID}, {"tenant id", r.TenantID},
		{"cloud provider", r.CloudProvider}, {"region", r.Region}, {"instance type", string(r.InstanceType)},
	})
}

// List returns the keys of a tenant, or of all tenants that the credentials can
// see when tenantID is empty. Aura's list has no status; that takes a Get for each.
func (s *CustomerManagedKeysService) List(ctx context.Context, tenantID string) ([]CustomerManagedKeySummary, error) {
	query := url.Values{}
	if tenantID != "" {
		query.Set("tenantId", tenantID)
	}
	a, err := s.c.get(ctx, at("customer-managed-keys"), query)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[[]keyWire](a)
	if err != nil {
		return nil, err
	}
	summaries := make([]CustomerManagedKeySummary, len(wire))
	for i, w := range wire {
		summaries[i] = CustomerManagedKeySummary{ID: string(w.ID), Name: string(w.Name), TenantID: string(w.TenantID)}
	}
	return summaries, nil
}

// Get returns one key.
func (s *CustomerManagedKeysService) Get(ctx context.Context, id string) (*CustomerManagedKey, error) {
	a, err := s.c.get(ctx, customerManagedKey(id), nil)
	if err != nil {
		return nil, err
	}
	return decodeKey(a)
}

// Create makes a key known to Aura, which accepts it as pending. It becomes ready
// when somebody has given Aura permission to use it, at the cloud provider and as
// the console explains; see [CustomerManagedKeysService.Wait].
func (s *CustomerManagedKeysService) Create(ctx context.Context, r CreateCustomerManagedKeyRequest) (*CustomerManagedKey, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	a, err := s.c.change(ctx, http.MethodPost, at("customer-managed-keys"), r)
	if err != nil {
		return nil, err
	}
	return decodeKey(a)
}

// Delete makes Aura forget a key; at the cloud provider it stays. The key of an
// existing instance is refused with the reason encryption-key-is-active.
func (s *CustomerManagedKeysService) Delete(ctx context.Context, id string) error {
	a, err := s.c.change(ctx, http.MethodDelete, customerManagedKey(id), nil)
	if err != nil {
		return err
	}
	return a.readable()
}

// Wait reads the key until it is ready, in the way of [InstancesService.Wait]. A
// key whose status speaks of an error is a [*WaitError]. A pending key waits for
// a person, so ctx should have a deadline. onUpdate may be nil.
func (s *CustomerManagedKeysService) Wait(ctx context.Context, id string, onUpdate func(CustomerManagedKey)) (*CustomerManagedKey, error) {
	reader := s.c.Background().CustomerManagedKeys
	last, err := await(ctx, awaited[CustomerManagedKey]{
		read:   func() (*CustomerManagedKey, error) { return reader.Get(ctx, id) },
		done:   func(k *CustomerManagedKey) bool { return k.Status == KeyReady },
		failed: func(k *CustomerManagedKey) bool { return k.Status.Failed() },
		update: onUpdate,
	})
	if end, ok := errors.AsType[*WaitError](err); ok {
		end.What = "customer managed key " + clean(id, maxExcerpt) + " to be " + string(KeyReady)
		if end.Key = last; last != nil {
			end.Status = string(last.Status)
		}
	}
	return last, err
}

func customerManagedKey(id string) route {
	return at("customer-managed-keys").id("customer managed key id", id)
}

// keyWire has two names for two of its fields: Aura's examples show both of the
// type, and a creation time that is called created where everything else in this
// API has created_at.
type keyWire struct {
	ID            text   `json:"id"`
	Name          text   `json:"name"`
	TenantID      text   `json:"tenant_id"`
	KeyID         text   `json:"key_id"`
	CloudProvider text   `json:"cloud_provider"`
	Region        text   `json:"region"`
	InstanceType  text   `json:"instance_type"`
	Type          text   `json:"type"`
	Status        text   `json:"status"`
	Created       moment `json:"created"`
	CreatedAt     moment `json:"created_at"`
}

func decodeKey(a *answer) (*CustomerManagedKey, error) {
	w, err := decodeData[keyWire](a)
	if err != nil {
		return nil, err
	}
	if w.ID == "" {
		return nil, a.unusable(errNoData)
	}
	return &CustomerManagedKey{
		ID: string(w.ID), Name: string(w.Name), TenantID: string(w.TenantID), KeyID: string(w.KeyID),
		CloudProvider: string(w.CloudProvider), Region: string(w.Region),
		InstanceType: InstanceType(cmp.Or(w.InstanceType, w.Type)),
		Status:       KeyStatus(w.Status), CreatedAt: cmp.Or(w.Created, w.CreatedAt).Time,
	}, nil
}
