package tools

import (
	"strings"

	"aura-mcp/auraclient"
)

// Guide is what can be said of databases without looking at any.
type Guide struct {
	Types    []TypeGuide
	Statuses []StatusGuide
}

// TypeGuide says what a type of database is and what Aura lets one do.
type TypeGuide struct {
	Type, Plan, Can, Cannot string
}

// StatusGuide says what a status means.
type StatusGuide struct {
	Status, Meaning string
}

// NewGuide tells types and statuses by the same table that the tools refuse by.
func NewGuide() Guide {
	var out Guide
	for _, t := range []struct {
		kind auraclient.InstanceType
		plan string
	}{
		{auraclient.TypeFree, "AuraDB Free"}, {auraclient.TypeProfessional, "AuraDB Professional"}, {auraclient.TypeBusinessCritical, "AuraDB Business Critical"},
		{auraclient.TypeEnterprise, "AuraDB Virtual Dedicated Cloud"}, {auraclient.TypeProfessionalDS, "AuraDS Professional"}, {auraclient.TypeEnterpriseDS, "AuraDS Enterprise"},
	} {
		can, cannot := abilities(t.kind)
		out.Types = append(out.Types, TypeGuide{Type: string(t.kind), Plan: t.plan, Can: can, Cannot: cannot})
	}
	for _, s := range []auraclient.Status{
		auraclient.StatusRunning, auraclient.StatusPaused, auraclient.StatusSuspended, auraclient.StatusCreating, auraclient.StatusPausing,
		auraclient.StatusResuming, auraclient.StatusUpdating, auraclient.StatusLoading, auraclient.StatusRestoring, auraclient.StatusOverwriting,
		auraclient.StatusDestroying, auraclient.StatusLoadingFailed, auraclient.StatusEncryptionKeyError,
	} {
		words := meaning(s)
		if s == auraclient.StatusRunning {
			words = "it can be used"
		}
		if takes := usual(&auraclient.Instance{Status: s}); takes != "" {
			words = "under way, usually " + takes
		}
		out.Statuses = append(out.Statuses, StatusGuide{Status: string(s), Meaning: words})
	}
	return out
}

func abilities(kind auraclient.InstanceType) (can, cannot string) {
	c, _ := capabilities(kind)
	var yes, no []string
	for _, a := range []struct {
		has  bool
		what string
	}{
		{kind != auraclient.TypeFree, "pause"},
		{c.resize, "resize"}, {c.upgrade, "upgrade to Business Critical"}, {c.overwritten, "be overwritten"}, {c.vector, "vector optimisation"},
		{c.plugin, "graph analytics plugin"}, {c.cdc, "change data capture"}, {c.secondaries, "secondaries"}, {c.ownKey, "customer managed key"},
		{monitored(&auraclient.Instance{Type: kind}), "metrics and health"},
	} {
		if a.has {
			yes = append(yes, a.what)
		} else {
			no = append(no, a.what)
		}
	}
	return strings.Join(append(yes, "take snapshots"), ", "), strings.Join(no, ", ")
}
