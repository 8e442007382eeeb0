package aurasim

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// checker walks a State and notes everything that is wrong with it, so that a file is corrected in one go.
type checker struct {
	found     []complaint
	tenants   map[string]bool
	instances map[string]InstanceState
	keys      map[string]KeyState
	sessions  map[string]bool
}

// validate says what is wrong with the state, by JSON path, or nil.
func (s State) validate() error {
	c := &checker{tenants: map[string]bool{}, instances: map[string]InstanceState{}, keys: map[string]KeyState{}, sessions: map[string]bool{}}
	for i, t := range s.Tenants {
		c.tenant(fmt.Sprintf("tenants[%d]", i), t)
	}
	for i, k := range s.Keys { // before the instances, which may refer to them
		c.key(fmt.Sprintf("customer_managed_keys[%d]", i), k)
	}
	for i, in := range s.Instances {
		c.instance(fmt.Sprintf("instances[%d]", i), in)
	}
	seen := map[[2]string]bool{}
	for i, snap := range s.Snapshots {
		at := fmt.Sprintf("snapshots[%d]", i)
		c.snapshot(at, snap)
		key := [2]string{snap.InstanceID, snap.ID}
		c.must(!seen[key], at+".snapshot_id", "%q: the instance already has a snapshot of this ID", snap.ID)
		seen[key] = true
	}
	names := map[[2]string]bool{}
	for i, x := range s.Sessions {
		at := fmt.Sprintf("sessions[%d]", i)
		c.session(at, x)
		key := [2]string{x.TenantID, x.Name}
		c.must(!names[key], at+".name", "%q: the tenant already has a session of this name", x.Name)
		names[key] = true
	}
	clients := map[string]bool{}
	for i, cred := range s.Credentials {
		at := fmt.Sprintf("credentials[%d]", i)
		c.credential(at, cred)
		c.must(!clients[cred.ClientID], at+".client_id", "%q is used twice", cred.ClientID)
		clients[cred.ClientID] = true
	}
	return complaints(c.found)
}

func (c *checker) must(ok bool, path, format string, args ...any) {
	if !ok {
		c.found = append(c.found, complaint{path: path, message: fmt.Sprintf(format, args...)})
	}
}

func (c *checker) oneOf(path, value string, allowed []string) bool {
	ok := slices.Contains(allowed, value)
	c.must(ok, path, "%q is not allowed; allowed: %s", value, listed(allowed))
	return ok
}

func (c *checker) uuid(path, value string) {
	ok, _ := regexp.MatchString(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`, value)
	c.must(ok, path, "%q is not a lower-case UUID", value)
}

func (c *checker) tenant(at string, t TenantState) {
	c.uuid(at+".id", t.ID)
	c.must(!c.tenants[t.ID], at+".id", "%q is used twice", t.ID)
	c.tenants[t.ID] = true
	c.must(t.Name != "", at+".name", "must not be empty")
	c.must(t.MaxInstances >= 0, at+".max_instances", "%d: must not be negative", t.MaxInstances)
	for i, row := range t.Configurations {
		at := fmt.Sprintf("%s.instance_configurations[%d]", at, i)
		c.oneOf(at+".cloud_provider", row.CloudProvider, providers())
		c.oneOf(at+".type", row.Type, typeNames())
		c.oneOf(at+".memory", row.Memory, memorySizes())
		c.oneOf(at+".storage", row.Storage, storageSizes())
		c.oneOf(at+".version", row.Version, versions())
		c.must(row.Region != "", at+".region", "must not be empty")
	}
}

func (c *checker) instance(at string, in InstanceState) {
	ok, _ := regexp.MatchString(`^[0-9a-f]{8}$`, in.ID)
	c.must(ok, at+".id", "%q: must be 8 lower-case hexadecimal digits", in.ID)
	_, twice := c.instances[in.ID]
	c.must(!twice, at+".id", "%q is used twice", in.ID)
	in.CloudProvider, in.Region = cmp.Or(in.CloudProvider, defaultProvider), cmp.Or(in.Region, defaultRegion)
	c.instances[in.ID] = in
	wrong := nameComplaint(in.Name)
	c.must(wrong == "", at+".name", "%s", wrong)
	c.must(c.tenants[in.TenantID], at+".tenant_id", "%q is none of the tenants", in.TenantID)
	c.oneOf(at+".cloud_provider", in.CloudProvider, providers())
	if in.Status != "" {
		c.oneOf(at+".status", in.Status, statusNames())
	}
	c.must(in.GraphNodes >= 0 && in.GraphRelationships >= 0, at+".graph_nodes", "counts must not be negative")
	memoryOK := c.oneOf(at+".memory", in.Memory, memorySizes())
	if c.oneOf(at+".type", in.Type, typeNames()) && memoryOK {
		c.capabilities(at, in, planOf(in.Type))
	}
}

func (c *checker) capabilities(at string, in InstanceState, p plan) {
	if in.Storage != "" {
		c.must(p.storage, at+".storage", "%s has no storage setting", in.Type)
		c.oneOf(at+".storage", in.Storage, storageSizes())
	}
	c.must(in.SecondariesCount == 0 || p.secondaries, at+".secondaries_count", "%s has no secondaries", in.Type)
	c.must(in.SecondariesCount >= 0, at+".secondaries_count", "%d: must not be negative", in.SecondariesCount)
	if in.CDCEnrichmentMode != "" {
		c.must(p.cdc, at+".cdc_enrichment_mode", "%s has no change data capture", in.Type)
		c.oneOf(at+".cdc_enrichment_mode", in.CDCEnrichmentMode, cdcModes())
	}
	if in.VectorOptimized {
		c.must(p.vector, at+".vector_optimized", "%s cannot be vector optimized", in.Type)
		c.must(gigabytes(in.Memory) >= vectorMemory, at+".vector_optimized", "needs at least %dGB memory", vectorMemory)
	}
	c.must(!in.GraphAnalyticsPlugin || p.plugin, at+".graph_analytics_plugin", "%s has no such plugin", in.Type)
	if in.Scenario != "" {
		wrong := scenarioComplaint(in.Scenario, p)
		c.must(wrong == "", at+".scenario", "%q %s", in.Scenario, wrong)
	}
	c.must(!in.ComprehensiveMetrics || p.metrics, at+".comprehensive_metrics", "%s has no metrics", in.Type)
	if in.CustomerManagedKeyID != "" {
		c.must(p.customerKey, at+".customer_managed_key_id", "%s has no customer managed keys", in.Type)
		k, known := c.keys[in.CustomerManagedKeyID]
		c.must(known && k.TenantID == in.TenantID, at+".customer_managed_key_id", "%q is none of the tenant's customer_managed_keys", in.CustomerManagedKeyID)
		c.must(!known || k.fits(in), at+".customer_managed_key_id", "the key is for %s in %s %s", k.InstanceType, k.CloudProvider, k.Region)
	}
}

func (c *checker) snapshot(at string, snap SnapshotState) {
	_, known := c.instances[snap.InstanceID]
	c.must(known, at+".instance_id", "%q is none of the instances", snap.InstanceID)
	c.must(snap.ID != "", at+".snapshot_id", "must not be empty")
	if snap.Profile != "" {
		c.oneOf(at+".profile", snap.Profile, []string{profileAdHoc, profileScheduled})
	}
	if snap.Status != "" {
		c.oneOf(at+".status", snap.Status, snapshotStatuses())
	}
}

func (c *checker) key(at string, k KeyState) {
	c.uuid(at+".id", k.ID)
	_, twice := c.keys[k.ID]
	c.must(!twice, at+".id", "%q is used twice", k.ID)
	c.keys[k.ID] = k
	wrong := lengthComplaint(k.Name)
	c.must(wrong == "", at+".name", "%s", wrong)
	c.must(c.tenants[k.TenantID], at+".tenant_id", "%q is none of the tenants", k.TenantID)
	c.must(k.KeyID != "", at+".key_id", "must not be empty")
	c.must(k.Region != "", at+".region", "must not be empty")
	c.oneOf(at+".cloud_provider", k.CloudProvider, providers())
	c.oneOf(at+".instance_type", k.InstanceType, keyInstanceTypes())
	if k.Status != "" {
		c.oneOf(at+".status", k.Status, keyStatuses())
	}
}

func (c *checker) session(at string, x SessionState) {
	c.must(!c.sessions[x.ID], at+".id", "%q is used twice", x.ID)
	c.sessions[x.ID] = true
	c.must(x.Name != "", at+".name", "must not be empty")
	c.must(c.tenants[x.TenantID], at+".tenant_id", "%q is none of the tenants", x.TenantID)
	c.oneOf(at+".memory", x.Memory, sessionMemorySizes())
	if x.InstanceID != "" {
		c.attached(at, x)
	} else {
		c.alone(at, x)
	}
	if x.Status != "" {
		c.oneOf(at+".status", x.Status, sessionStatuses())
	}
	if x.Reason != "" {
		allowed := sessionReasons(x.Status)
		c.must(slices.Contains(allowed, x.Reason), at+".reason", "%q is not allowed with status %q; allowed: %s", x.Reason, x.Status, listed(allowed))
	}
	if x.TTL != "" {
		_, wrong := parseTTL(x.TTL)
		c.must(wrong == "", at+".ttl", "%s", wrong)
	}
	if x.UserID != "" {
		c.uuid(at+".user_id", x.UserID)
	}
}

func (c *checker) attached(at string, x SessionState) {
	ok, _ := regexp.MatchString(`^[0-9a-f]{8}$`, strings.TrimPrefix(x.ID, x.InstanceID+"-"))
	c.must(ok && strings.Contains(x.ID, "-"), at+".id", "%q: must be %s- and 8 lower-case hexadecimal digits", x.ID, x.InstanceID)
	in, known := c.instances[x.InstanceID]
	c.must(known, at+".instance_id", "%q is none of the instances", x.InstanceID)
	c.must(!known || in.TenantID == x.TenantID, at+".tenant_id", "%q is not the tenant of instance %s", x.TenantID, x.InstanceID)
	c.must(!known || x.CloudProvider == "" || x.CloudProvider == in.CloudProvider, at+".cloud_provider", "%q is not that of the instance", x.CloudProvider)
	c.must(!known || x.Region == "" || x.Region == in.Region, at+".region", "%q is not that of the instance", x.Region)
}

func (c *checker) alone(at string, x SessionState) {
	ok, _ := regexp.MatchString(`^s-[0-9a-f]{8}-[0-9a-f]{4}-4$`, x.ID)
	c.must(ok, at+".id", "%q: must look like s-04de43fe-67ab-4", x.ID)
	c.must(x.DatabaseID == "", at+".database_id", "needs instance_id")
	if x.CloudProvider != "" {
		c.oneOf(at+".cloud_provider", x.CloudProvider, providers())
	}
}

func (c *checker) credential(at string, cred Credential) {
	c.must(cred.ClientID != "", at+".client_id", "must not be empty")
	c.must(cred.ClientSecret != "", at+".client_secret", "must not be empty")
	for i, id := range cred.Tenants {
		c.must(c.tenants[id], fmt.Sprintf("%s.tenants[%d]", at, i), "%q is none of the tenants", id)
	}
}
