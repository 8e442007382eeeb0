package tools

import (
	"context"
	"fmt"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
)

type estimateSizeIn struct {
	NodeCount           int64    `json:"node_count" jsonschema:"nodes of the graph" min:"0"`
	RelationshipCount   int64    `json:"relationship_count" jsonschema:"relationships of the graph" min:"0"`
	InstanceType        string   `json:"instance_type,omitempty" jsonschema:"default professional-ds" enum:"professional-ds,enterprise-ds"`
	AlgorithmCategories []string `json:"algorithm_categories,omitempty" jsonschema:"what will be run: centrality, community-detection, machine-learning, node-embedding, path-finding, similarity"`
}

// SizeEstimate is the size that Aura recommends.
type SizeEstimate struct {
	RecommendedSize   string `json:"recommended_size"`
	MinRequiredMemory string `json:"min_required_memory"`
	ExceedsMaximum    bool   `json:"exceeds_maximum" jsonschema:"the graph needs more than the largest size there is"`
}

func (f *Fleet) estimateSize(ctx context.Context, _ op.Call, in estimateSizeIn) (SizeEstimate, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return SizeEstimate{}, err
	}
	if in.InstanceType == "" {
		in.InstanceType = string(auraclient.TypeProfessionalDS)
	}
	e, err := aura.Instances.EstimateSize(ctx, auraclient.SizingRequest{
		NodeCount: in.NodeCount, RelationshipCount: in.RelationshipCount, InstanceType: auraclient.InstanceType(in.InstanceType), AlgorithmCategories: in.AlgorithmCategories,
	})
	if err != nil {
		return SizeEstimate{}, fmt.Errorf("estimate the size: %w", err)
	}
	return SizeEstimate{RecommendedSize: shown(e.RecommendedSize), MinRequiredMemory: shown(e.MinRequiredMemory), ExceedsMaximum: e.DidExceedMaximum}, nil
}
