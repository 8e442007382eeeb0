package aurasim

import "time"

// What [DemoState] is reached with.
const (
	DemoClientID     = "demo-client-id"
	DemoClientSecret = "demo-client-secret"
)

const (
	demoProduction  = "6f1d3c52-8a0e-4b7c-9d35-2e41c07b9a16"
	demoDevelopment = "c84b0e97-51f2-4d6a-8e13-f09a7d2b6c45"

	demoOrders          = "4c8e1f07"
	demoStagingOrders   = "b03d9a62"
	demoRecommendations = "71fa5c2e"
	demoCustomer360     = "e25b70d4"

	demoRecommendationsV2 = "71fa5c9b"

	demoKey = "0d7a91f4-3c58-4e2b-a6f0-91b7c5d82e3a"
)

func demoCredentials() []Credential {
	return []Credential{{ClientID: DemoClientID, ClientSecret: DemoClientSecret}}
}

// DemoState is the fleet of an online retailer: what somebody who tries the simulator finds there. It is the same
// every time, with ages counted back from now. Production is busy and well, but for the CPU of recommendations-v2;
// staging-orders is about to run out of heap.
func DemoState(now time.Time) State {
	now = now.UTC().Truncate(time.Second)
	return State{
		Tenants:     demoTenants(),
		Instances:   demoInstances(now),
		Snapshots:   demoSnapshots(now),
		Keys:        demoKeys(now),
		Sessions:    demoSessions(now),
		Credentials: demoCredentials(),
	}
}

func demoTenants() []TenantState {
	return []TenantState{
		{ID: demoProduction, Name: "Production", Configurations: configurations([]region{
			{"gcp", "europe-west1", "Belgium", []string{typeProfessional, typeBusinessCritical, typeEnterprise}},
			{"aws", "us-east-1", "N. Virginia", []string{typeProfessional, typeBusinessCritical, typeEnterprise}},
			{"aws", "eu-central-1", "Frankfurt", []string{typeBusinessCritical, typeEnterprise}},
			{"azure", "westeurope", "Netherlands", []string{typeProfessional, typeBusinessCritical, typeEnterpriseDS}},
		})},
		{ID: demoDevelopment, Name: "Development", Configurations: configurations([]region{
			{"gcp", "europe-west1", "Belgium", []string{typeFree, typeProfessional, typeBusinessCritical}},
			{"aws", "us-east-1", "N. Virginia", []string{typeProfessional, typeBusinessCritical, typeProfessionalDS}},
			{"aws", "eu-central-1", "Frankfurt", []string{typeProfessional, typeBusinessCritical}},
			{"azure", "westeurope", "Netherlands", []string{typeProfessional, typeBusinessCritical, typeProfessionalDS}},
		})},
	}
}

func demoInstances(now time.Time) []InstanceState {
	ago := func(days, hours int) time.Time { return now.Add(-time.Duration(24*days+hours) * time.Hour) }
	return []InstanceState{
		{
			ID: demoOrders, Name: "prod-orders", TenantID: demoProduction, Type: typeBusinessCritical,
			CloudProvider: "gcp", Region: "europe-west1", Memory: "16GB", Storage: "32GB",
			CreatedAt: ago(431, 5), StatusSince: ago(63, 2), CDCEnrichmentMode: "FULL", Scenario: "busy",
			GraphNodes: 18_402_377, GraphRelationships: 61_930_442,
		},
		{
			ID: demoCustomer360, Name: "customer-360", TenantID: demoProduction, Type: typeEnterprise,
			CloudProvider: "aws", Region: "eu-central-1", Memory: "64GB", Storage: "256GB",
			CreatedAt: ago(702, 11), StatusSince: ago(120, 7), CDCEnrichmentMode: "DIFF", SecondariesCount: 2,
			CustomerManagedKeyID: demoKey, ComprehensiveMetrics: true,
			GraphNodes: 112_650_018, GraphRelationships: 540_377_901,
		},
		{
			ID: demoRecommendations, Name: "recommendations", TenantID: demoProduction, Type: typeProfessional,
			CloudProvider: "aws", Region: "us-east-1", Memory: "8GB", Storage: "16GB",
			CreatedAt: ago(288, 3), StatusSince: ago(40, 1), GraphAnalyticsPlugin: true,
			GraphNodes: 6_201_554, GraphRelationships: 48_119_020,
		},
		{
			ID: demoRecommendationsV2, Name: "recommendations-v2", TenantID: demoProduction, Type: typeBusinessCritical,
			CloudProvider: "aws", Region: "us-east-1", Memory: "16GB", Storage: "32GB",
			CreatedAt: ago(19, 8), StatusSince: ago(19, 8), VectorOptimized: true, Scenario: "warning",
			GraphNodes: 6_455_873, GraphRelationships: 52_870_316,
		},
		{
			ID: "9d40b8e1", Name: "fraud-analytics", TenantID: demoProduction, Type: typeEnterpriseDS,
			CloudProvider: "azure", Region: "westeurope", Memory: "64GB", Storage: "128GB",
			CreatedAt: ago(156, 9), StatusSince: ago(12, 4), Scenario: "idle",
			GraphNodes: 29_811_400, GraphRelationships: 204_665_718,
		},
		{
			ID: demoStagingOrders, Name: "staging-orders", TenantID: demoDevelopment, Type: typeBusinessCritical,
			CloudProvider: "gcp", Region: "europe-west1", Memory: "16GB", Storage: "32GB",
			CreatedAt: ago(402, 1), StatusSince: ago(6, 3), CDCEnrichmentMode: "OFF", Scenario: "critical",
			GraphNodes: 17_933_105, GraphRelationships: 60_218_776,
		},
		{
			ID: "2ab6f730", Name: "catalogue-search", TenantID: demoDevelopment, Type: typeProfessional,
			CloudProvider: "azure", Region: "westeurope", Memory: "4GB", Storage: "8GB", VectorOptimized: true,
			CreatedAt: ago(74, 6), StatusSince: ago(74, 6),
			GraphNodes: 1_240_667, GraphRelationships: 3_902_118,
		},
		{
			ID: "c5e9130d", Name: "dev-campaign-2025", TenantID: demoDevelopment, Type: typeProfessional,
			CloudProvider: "gcp", Region: "europe-west1", Memory: "8GB", Storage: "16GB",
			CreatedAt: ago(211, 14), StatusSince: ago(11, 16), Status: statusPaused,
			GraphNodes: 884_301, GraphRelationships: 2_150_990,
		},
		{
			ID: "f7310a4c", Name: "dev-supplier-import", TenantID: demoDevelopment, Type: typeProfessional,
			CloudProvider: "aws", Region: "eu-central-1", Memory: "2GB", Storage: "4GB",
			CreatedAt: ago(33, 20), StatusSince: ago(1, 2), Status: statusLoadingFailed,
			GraphNodes: 40_125, GraphRelationships: 88_014,
		},
		{
			ID: "08cd52b7", Name: "playground", TenantID: demoDevelopment, Type: typeFree,
			CloudProvider: "gcp", Region: "europe-west1", Memory: "1GB",
			CreatedAt: ago(52, 7), StatusSince: ago(52, 7),
			GraphNodes: 28_863, GraphRelationships: 166_261,
		},
	}
}

// demoSnapshots are those that people took; the scheduled ones come by themselves.
func demoSnapshots(now time.Time) []SnapshotState {
	const hour = time.Hour
	taken := func(instanceID, id string, ago time.Duration, nodes, relationships int64) SnapshotState {
		return SnapshotState{
			InstanceID: instanceID, ID: id, Profile: profileAdHoc, Status: snapshotCompleted, Timestamp: now.Add(-ago),
			Exportable: true, GraphNodes: nodes, GraphRelationships: relationships,
		}
	}
	named := func(ago time.Duration) string { return stamp(now.Add(-ago)) + "-adhoc" }
	failed := taken(demoStagingOrders, "5be1c0f3-97d8-4a20-b1c4-6f0e2d38a795", 31*hour, 0, 0)
	failed.Status, failed.Exportable = snapshotFailed, false
	return []SnapshotState{
		taken(demoOrders, "e0a6b5d2-3f71-4c98-8d40-1b9e7c52f683", 14*hour+20*time.Minute, 18_377_120, 61_802_331),
		taken(demoOrders, named(9*24*hour), 9*24*hour, 18_102_964, 60_911_207),
		taken(demoStagingOrders, "17c3e8a9-62b0-4df5-9e17-a4820f6bd13c", 6*24*hour, 17_933_105, 60_218_776),
		failed,
		taken(demoRecommendations, named(3*24*hour+5*hour), 3*24*hour+5*hour, 6_188_010, 47_990_254),
		taken(demoCustomer360, "a95f2d07-b4c1-4e63-8f2a-70d1c6e9385b", 26*hour, 112_590_777, 540_102_644),
		taken("08cd52b7", named(4*24*hour), 4*24*hour, 27_990, 161_004),
	}
}

// demoKeys are the one that customer-360 is encrypted with, and one that waits for its permission at the cloud provider.
func demoKeys(now time.Time) []KeyState {
	const day = 24 * time.Hour
	return []KeyState{
		{
			ID: demoKey, Name: "customer-360", TenantID: demoProduction, InstanceType: typeEnterprise, Status: keyReady,
			KeyID:         "arn:aws:kms:eu-central-1:111122223333:key/5f0c9b7e-2d14-4a86-b3e9-70c1d8f24a65",
			CloudProvider: "aws", Region: "eu-central-1", Created: now.Add(-703 * day),
		},
		{
			ID: "b61e4a08-95d7-4c3f-8a12-e7f03b5c9d84", Name: "fraud-analytics", TenantID: demoProduction, InstanceType: typeEnterpriseDS,
			Status: keyPending, KeyID: "https://retail-keys.vault.azure.net/keys/fraud-analytics/9c1f27d0e85b4a36",
			CloudProvider: "azure", Region: "westeurope", Created: now.Add(-2 * day),
		},
	}
}

// demoSessions are one for the recommendations, attached to their next version, and one left over from an experiment.
func demoSessions(now time.Time) []SessionState {
	return []SessionState{
		{
			ID: demoRecommendationsV2 + "-3fa09c71", Name: "product-similarity", TenantID: demoProduction, Memory: "16GB",
			InstanceID: demoRecommendationsV2, Status: sessionReady, TTL: "8h", CreatedAt: now.Add(-95 * time.Minute),
		},
		{
			ID: "s-7b20d4e9-51ac-4", Name: "supplier-clusters", TenantID: demoDevelopment, Memory: "8GB",
			CloudProvider: "gcp", Region: "europe-west1", Status: sessionExpired, CreatedAt: now.Add(-29 * time.Hour),
		},
	}
}
