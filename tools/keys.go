package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

func (f *Fleet) keyOps() []op.Operation {
	return []op.Operation{
		op.Reads(op.Spec{
			Name: "list_customer_managed_keys", Title: "List encryption keys", Toolset: toolsetKeys, Idempotent: true,
			Description: "Lists the customer managed keys: a cloud provider's encryption keys that enterprise databases can be created with. For the status of one use get_customer_managed_key.",
		}, f.listKeys),
		op.Reads(op.Spec{
			Name: "get_customer_managed_key", Title: "Look at an encryption key", Toolset: toolsetKeys, Idempotent: true,
			Description: "Shows one customer managed key; with wait_seconds, waits until it is ready. Whether a database uses it is shown by get_instance.",
		}, f.getKey),
		op.Acts(op.Spec{
			Name: "create_customer_managed_key", Title: "Make an encryption key known", Toolset: toolsetKeys, Effects: op.Disruptive,
			Description: "Makes a cloud provider's encryption key known to Aura, for new enterprise databases. It stays pending until a person gives Aura permission there, as the Aura console explains. A person is asked to approve. To encrypt a database with it use create_instance.",
		}, f.planCreateKey, f.createKey),
		op.Acts(op.Spec{
			Name: "delete_customer_managed_key", Title: "Forget an encryption key", Toolset: toolsetKeys, Effects: op.Destructive,
			Description: "Makes Aura forget a customer managed key that no database uses; at the cloud provider it stays. A person has to type its name. To see which there are use list_customer_managed_keys.",
		}, f.planDeleteKey, f.deleteKey),
	}
}

type listKeysIn struct {
	Tenant string `json:"tenant,omitempty" jsonschema:"only this tenant (called project in the console), by name or ID"`
}

// KeyRow is one customer managed key in a list.
type KeyRow struct {
	KeyID  string `json:"key_id"`
	Name   string `json:"name"`
	Tenant string `json:"tenant"`
}

// KeyList is the customer managed keys that the credentials can see.
type KeyList struct {
	Total int      `json:"total"`
	Keys  []KeyRow `json:"keys"`
}

func (f *Fleet) listKeys(ctx context.Context, _ op.Call, in listKeysIn) (KeyList, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return KeyList{}, err
	}
	tenantID, err := f.tenantFilter(ctx, aura, in.Tenant)
	if err != nil {
		return KeyList{}, err
	}
	names, err := tenantNames(ctx, aura)
	if err != nil {
		return KeyList{}, err
	}
	all, err := aura.CustomerManagedKeys.List(ctx, tenantID)
	if err != nil {
		return KeyList{}, fmt.Errorf("list the customer managed keys: %w", err)
	}
	out := KeyList{Total: len(all), Keys: []KeyRow{}}
	for _, k := range all {
		out.Keys = append(out.Keys, KeyRow{KeyID: k.ID, Name: k.Name, Tenant: TenantRef{ID: k.TenantID, Name: names[k.TenantID]}.shown()})
	}
	slices.SortStableFunc(out.Keys, func(a, b KeyRow) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name), cmp.Compare(a.KeyID, b.KeyID))
	})
	return out, nil
}

type getKeyIn struct {
	KeyID       string `json:"key_id" jsonschema:"ID or name of the key"`
	WaitSeconds int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait for it to be ready; default 0" min:"0" max:"50"`
}

// KeyDetails is one customer managed key.
type KeyDetails struct {
	KeyID         string    `json:"key_id"`
	Name          string    `json:"name"`
	Status        string    `json:"status" jsonschema:"databases can be created with it only while it is ready"`
	CloudKeyID    string    `json:"cloud_key_id" jsonschema:"what the cloud provider calls it"`
	CloudProvider string    `json:"cloud_provider"`
	Region        string    `json:"region"`
	InstanceType  string    `json:"instance_type" jsonschema:"the type of database it is for"`
	Tenant        TenantRef `json:"tenant"`
	CreatedAt     string    `json:"created_at,omitempty"`
	Next          string    `json:"next,omitempty"`
}

func (f *Fleet) getKey(ctx context.Context, call op.Call, in getKeyIn) (KeyDetails, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return KeyDetails{}, err
	}
	found, err := f.lookAtKey(ctx, aura, in.KeyID, loosely)
	if err != nil {
		return KeyDetails{}, err
	}
	k := found.key
	if in.WaitSeconds > 0 {
		if k, err = awaitKey(ctx, call, aura, *k, time.Duration(in.WaitSeconds)*time.Second); err != nil {
			return KeyDetails{}, err
		}
	}
	return KeyDetails{
		KeyID: k.ID, Name: k.Name, Status: shown(string(k.Status)), CloudKeyID: shown(k.KeyID), CloudProvider: shown(k.CloudProvider),
		Region: shown(k.Region), InstanceType: shown(string(k.InstanceType)), Tenant: found.tenant, CreatedAt: instant(k.CreatedAt), Next: nextOfKey(k.Status),
	}, nil
}

// awaitKey waits until the key is ready or has failed. Neither in time is no error.
func awaitKey(ctx context.Context, call op.Call, aura *auraclient.Client, k auraclient.CustomerManagedKey, limit time.Duration) (*auraclient.CustomerManagedKey, error) {
	return outlast(ctx, call, limit, "customer managed key "+text.Quote(k.Name), k,
		func(ctx context.Context, update func(auraclient.CustomerManagedKey)) (*auraclient.CustomerManagedKey, error) {
			return aura.CustomerManagedKeys.Wait(ctx, k.ID, update)
		}, func(k auraclient.CustomerManagedKey) string { return "the key is " + shown(string(k.Status)) })
}

func nextOfKey(s auraclient.KeyStatus) string {
	switch {
	case s == auraclient.KeyReady, s == auraclient.KeyDeleting:
		return ""
	case s.Failed():
		return "tell the person: it will not become ready by itself; the Aura console and the key's permissions at the cloud provider may show why"
	}
	return "tell the person: it becomes ready only once Aura has permission to use it at the cloud provider, which they set up as the Aura console explains; call get_customer_managed_key after that, rather than waiting in a loop"
}

const kindKey = "customer managed key"

func keyNamed(k auraclient.CustomerManagedKeySummary) named { return named{k.ID, k.Name} }

// ownKey is a customer managed key that an operation is about, as just read.
type ownKey struct {
	key    *auraclient.CustomerManagedKey
	tenant TenantRef
	shared bool // another key has the same name, or this name as its ID
}

func (k ownKey) resource() op.Resource {
	return op.Resource{
		Kind: kindKey, ID: k.key.ID, Name: k.key.Name, Tenant: k.tenant.shown(), Type: string(k.key.InstanceType),
		Status: shown(string(k.key.Status)), Detail: place(k.key.CloudProvider, k.key.Region),
	}
}

// lookAtKey finds a key and reads its details and its tenant's name anew.
func (f *Fleet) lookAtKey(ctx context.Context, aura *auraclient.Client, given string, same match) (ownKey, error) {
	all, err := aura.CustomerManagedKeys.List(ctx, "")
	if err != nil {
		return ownKey{}, fmt.Errorf("look for the customer managed key %s: %w", text.Quote(given), err)
	}
	found, err := pick(kindKey, given, all, same, keyNamed)
	if err != nil {
		return ownKey{}, err
	}
	k, err := aura.CustomerManagedKeys.Get(ctx, found.ID)
	if err != nil {
		return ownKey{}, fmt.Errorf("read the customer managed key %s: %w", found.ID, err)
	}
	k.TenantID = cmp.Or(k.TenantID, found.TenantID)
	names, err := tenantNames(ctx, aura)
	if err != nil {
		return ownKey{}, err
	}
	return ownKey{key: k, tenant: TenantRef{ID: k.TenantID, Name: names[k.TenantID]}, shared: shared(named{k.ID, k.Name}, all, keyNamed)}, nil
}

type createKeyIn struct {
	Name          string `json:"name" jsonschema:"1 to 30 characters"`
	CloudKeyID    string `json:"cloud_key_id" jsonschema:"what the cloud provider calls the key, such as its ARN; the key itself stays there"`
	Tenant        string `json:"tenant,omitempty" jsonschema:"ID or exact name; may be left out when there is only one"`
	CloudProvider string `json:"cloud_provider" enum:"aws,azure,gcp" jsonschema:"where the key is, and the databases will be"`
	Region        string `json:"region" jsonschema:"such as us-east-1; only databases there can use the key"`
	InstanceType  string `json:"instance_type" enum:"enterprise-db,enterprise-ds" jsonschema:"the type of database it is for"`
	WaitSeconds   int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait until it is ready; default 0" min:"0" max:"50"`
}

// KeyChange is how far a change of a customer managed key has come.
type KeyChange struct {
	State   op.State `json:"state" enum:"accepted,done,failed,approval_pending,in_progress"`
	Message string   `json:"message"`
	KeyID   string   `json:"key_id,omitempty"`
	Name    string   `json:"name,omitempty"`
	Status  string   `json:"status,omitempty" jsonschema:"as last read"`
	Next    string   `json:"next,omitempty"`
}

// Made is the ID of a new key.
func (k KeyChange) Made() string { return k.KeyID }

// keyCreation is the creation of a key as planned.
type keyCreation struct {
	request auraclient.CreateCustomerManagedKeyRequest
	alike   []string // IDs of keys of that name in the tenant
}

func (f *Fleet) planCreateKey(ctx context.Context, in createKeyIn) (op.Plan, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return op.Plan{}, err
	}
	if err := checkName(in.Name); err != nil {
		return op.Plan{}, err
	}
	if err := notBlank("cloud_key_id", in.CloudKeyID); err != nil {
		return op.Plan{}, err
	}
	tenant, err := f.findTenant(ctx, aura, in.Tenant, exactly)
	if err != nil {
		return op.Plan{}, err
	}
	if err := placeOffered(ctx, aura, tenant.ID, auraclient.InstanceType(in.InstanceType), in.CloudProvider, in.Region); err != nil {
		return op.Plan{}, err
	}
	all, err := aura.CustomerManagedKeys.List(ctx, tenant.ID)
	if err != nil {
		return op.Plan{}, fmt.Errorf("look for keys of the same name: %w", err)
	}
	planned := keyCreation{alike: idsOf(in.Name, all, keyNamed), request: auraclient.CreateCustomerManagedKeyRequest{
		Name: in.Name, KeyID: in.CloudKeyID, TenantID: tenant.ID, CloudProvider: in.CloudProvider, Region: in.Region, InstanceType: auraclient.InstanceType(in.InstanceType),
	}}
	return op.Plan{
		Effects: op.Disruptive, Unforeseen: len(planned.alike) > 0, Prepared: planned,
		Headline: fmt.Sprintf("Make the encryption key %s known to Aura.", text.Quote(in.Name)),
		Targets: []op.Resource{{
			Kind: "new " + kindKey, ID: op.NoID, Name: in.Name, Tenant: cmp.Or(tenant.Name, tenant.ID), Type: in.InstanceType, Detail: joined(place(in.CloudProvider, in.Region), alsoNamed(planned.alike)),
		}},
		Facts: append(sameName(planned.alike), []op.Fact{
			{Label: "key at the cloud provider", Value: text.Quote(in.CloudKeyID)},
			{Label: "what happens", Value: "it becomes ready only after a person has given Aura permission to use it at the cloud provider, as the Aura console explains; new databases can be encrypted with it then, and those that exist stay as they are"},
			{Label: "what depends on it", Value: "a database created with it can be read only while Aura may use the key at the cloud provider"},
			{Label: "can be undone", Value: "yes, by deleting it, as long as no database uses it"},
		}...),
	}, nil
}

// notBlank refuses a required text that has nothing in it.
func notBlank(argument, value string) error {
	if strings.TrimSpace(value) != "" {
		return nil
	}
	return &op.Error{What: fmt.Sprintf("`%s` is empty", argument), Next: "call again with it", Unchanged: true}
}

// placeOffered refuses a place in which the tenant is offered nothing of a type; "" is any type.
func placeOffered(ctx context.Context, aura *auraclient.Client, tenantID string, kind auraclient.InstanceType, provider, region string) error {
	tenant, err := aura.Tenants.Get(ctx, tenantID)
	if err != nil {
		return fmt.Errorf("read what the tenant offers: %w", err)
	}
	all := offered(tenant.InstanceConfigurations, kind, "", "")
	if len(all) == 0 || len(offered(all, kind, provider, region)) > 0 { // an empty offer says nothing
		return nil
	}
	places := distinct(all, func(c auraclient.InstanceConfiguration) string { return c.CloudProvider + "/" + c.Region })
	return &op.Error{
		What:      fmt.Sprintf("%s is not on offer in this tenant", text.Quote(joined(string(kind), provider+"/"+region))),
		Next:      "call again with one of these (cloud_provider/region): " + strings.Join(places, ", "),
		Unchanged: true,
	}
}

func (f *Fleet) createKey(ctx context.Context, call op.Call, in createKeyIn, plan op.Plan) (KeyChange, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return KeyChange{}, err
	}
	planned := plan.Prepared.(keyCreation)
	k, err := aura.CustomerManagedKeys.Create(ctx, planned.request)
	if auraclient.OutcomeUnknown(err) {
		k, err = findLostKey(ctx, call, aura, planned)
	}
	if err != nil {
		return KeyChange{}, fmt.Errorf("create the customer managed key %s: %w", text.Quote(planned.request.Name), err)
	}
	k.Name = planned.request.Name
	if in.WaitSeconds == 0 {
		return newKeyChange(k), nil
	}
	if last, err := awaitKey(ctx, call, aura, *k, time.Duration(in.WaitSeconds)*time.Second); err == nil {
		return newKeyChange(last), nil
	}
	return KeyChange{ // a wait that breaks off is no failure of the creation
		State: op.Accepted, KeyID: k.ID, Name: k.Name, Status: unknownValue, Next: "call get_customer_managed_key to see how it stands",
		Message: fmt.Sprintf("Aura accepted the key %s, but how it stands could not be read", text.Quote(k.Name)),
	}, nil
}

func newKeyChange(k *auraclient.CustomerManagedKey) KeyChange {
	out := KeyChange{State: op.Accepted, KeyID: k.ID, Name: k.Name, Status: shown(string(k.Status)), Next: nextOfKey(k.Status)}
	switch {
	case k.Status == auraclient.KeyReady:
		out.State, out.Message = op.Done, fmt.Sprintf("the key %s is ready: databases can be created with it", text.Quote(k.Name))
	case k.Status.Failed():
		out.State, out.Message = op.Failed, fmt.Sprintf("Aura knows the key %s, but cannot use it: its status is %s", text.Quote(k.Name), text.Quote(string(k.Status)))
	default:
		out.Message = fmt.Sprintf("Aura knows the key %s now; no database can be created with it before it is ready", text.Quote(k.Name))
	}
	return out
}

// findLostKey looks whether a key whose creation's answer got lost is there. How it stands is left to a later look.
func findLostKey(ctx context.Context, call op.Call, aura *auraclient.Client, planned keyCreation) (*auraclient.CustomerManagedKey, error) {
	r := planned.request
	k, found := search(ctx, call,
		func() ([]auraclient.CustomerManagedKeySummary, error) {
			return aura.CustomerManagedKeys.List(ctx, r.TenantID)
		},
		func(k auraclient.CustomerManagedKeySummary) bool {
			return k.Name == r.Name && !slices.Contains(planned.alike, k.ID)
		})
	if !found {
		return nil, &op.Error{
			What:    fmt.Sprintf("it is not known whether Aura knows the key %s now: the request was sent and Aura's answer got lost; no such key has appeared so far", text.Quote(r.Name)),
			Next:    "look with list_customer_managed_keys in some minutes before you call this again, and tell the person",
			Unknown: true,
		}
	}
	return &auraclient.CustomerManagedKey{ID: k.ID, Name: k.Name, TenantID: k.TenantID}, nil
}

type deleteKeyIn struct {
	KeyID string `json:"key_id" jsonschema:"ID or exact name of the key"`
}

func (f *Fleet) planDeleteKey(ctx context.Context, in deleteKeyIn) (op.Plan, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return op.Plan{}, err
	}
	k, err := f.lookAtKey(ctx, aura, in.KeyID, exactly)
	if err != nil {
		return op.Plan{}, err
	}
	plan := op.Plan{
		Headline: fmt.Sprintf("Make Aura forget the encryption key %s.", text.Quote(k.key.Name)),
		Targets:  []op.Resource{k.resource()},
		Confirm:  confirm(named{k.key.ID, k.key.Name}, k.shared),
	}
	if k.key.Status == auraclient.KeyDeleting {
		return plan, nil // on its way already
	}
	unread, err := f.unused(ctx, aura, k.key)
	if err != nil {
		return op.Plan{}, err
	}
	encrypted := "none of the databases that these credentials can see"
	if unread > 0 {
		encrypted = fmt.Sprintf("not known, since %s could not be read; Aura refuses this if one of them uses the key", plural(unread, "database"))
	}
	plan.Effects = op.Destructive
	plan.Facts = []op.Fact{
		{Label: "key at the cloud provider", Value: text.Quote(shown(k.key.KeyID)) + "; it stays there as it is"},
		{Label: "what is lost", Value: "Aura's use of the key: no database can be created with it any more"},
		{Label: "what is encrypted with it", Value: encrypted + "; anything else, such as an exported backup, can be read only with the key at the cloud provider"},
		{Label: "can be undone", Value: "no; the key can be made known to Aura again, under another ID and with its permission set up anew"},
	}
	return plan, nil
}

// unused refuses to part with a key that a database uses, and counts the databases of which that could not be read. Only those
// at the key's cloud provider can use it; and as a database keeps its key for life, details from memory do here.
func (f *Fleet) unused(ctx context.Context, aura *auraclient.Client, k *auraclient.CustomerManagedKey) (unread int, err error) {
	all, err := aura.Instances.List(ctx, k.TenantID)
	if err != nil {
		return 0, fmt.Errorf("look for the databases that use the key: %w", err)
	}
	all = slices.DeleteFunc(all, func(i auraclient.InstanceSummary) bool {
		return i.CloudProvider != "" && k.CloudProvider != "" && i.CloudProvider != k.CloudProvider
	})
	read, err := f.readAll(ctx, aura, op.Call{}, all)
	if err != nil {
		return 0, err
	}
	var users []auraclient.InstanceSummary
	for _, r := range read {
		switch {
		case r.err != nil:
			unread++
		case r.instance.CustomerManagedKeyID == k.ID:
			users = append(users, r.summary)
		}
	}
	if len(users) == 0 {
		return unread, nil
	}
	return unread, &op.Error{
		What:      fmt.Sprintf("the key %s is in use: the data of %s is encrypted with it and could not be read without it", text.Quote(k.Name), list(users, instanceNamed)),
		Next:      "tell the person; a database keeps its key for life, so the key can be deleted only after it",
		Unchanged: true,
	}
}

func (f *Fleet) deleteKey(ctx context.Context, _ op.Call, _ deleteKeyIn, plan op.Plan) (KeyChange, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return KeyChange{}, err
	}
	target := plan.Targets[0]
	out := KeyChange{KeyID: target.ID, Name: target.Name, Status: target.Status}
	if plan.Effects == op.Read {
		out.State, out.Message = op.Accepted, fmt.Sprintf("the key %s is being deleted already; nothing was sent", text.Quote(target.Name))
		return out, nil
	}
	if err := aura.CustomerManagedKeys.Delete(ctx, target.ID); err != nil && !auraclient.IsGone(err) { // gone is what was wanted
		return KeyChange{}, fmt.Errorf("delete the customer managed key %s: %w", target.ID, err)
	}
	out.State, out.Status = op.Done, statusDeleted
	out.Message = fmt.Sprintf("Aura no longer knows the key %s; at the cloud provider it is as it was", text.Quote(target.Name))
	return out, nil
}
