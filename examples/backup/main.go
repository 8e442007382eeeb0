// Command backup shows auraclient at work in a drill: it clones an instance, takes a snapshot of the clone, restores that
// and leaves the clone to you. It reads AURA_CLIENT_ID and AURA_CLIENT_SECRET, and AURA_BASE_URL and AURA_AUTH_URL if set.
//
//nolint:forbidigo // a program of its own: it has an environment, prints and ends
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"aura-mcp/auraclient"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	options := []auraclient.Option{auraclient.WithBaseURL(cmp.Or(os.Getenv("AURA_BASE_URL"), auraclient.DefaultBaseURL))}
	if auth := os.Getenv("AURA_AUTH_URL"); auth != "" {
		options = append(options, auraclient.WithAuthURL(auth))
	}
	aura := must(auraclient.New(os.Getenv("AURA_CLIENT_ID"), auraclient.Secret(os.Getenv("AURA_CLIENT_SECRET")), options...))
	for _, i := range must(aura.Instances.List(ctx, "")) {
		fmt.Println("there is", i.ID, i.Name)
	}
	if len(os.Args) != 2 {
		fmt.Println("name one of them to clone it, which costs as much as the original")
		return
	}
	source := must(aura.Instances.Get(ctx, os.Args[1]))
	file := must(os.CreateTemp(".", "Neo4j-*-Created-backup-drill.txt")) // for this user only, and there before the password
	clone := must(aura.Instances.Create(ctx, auraclient.CreateInstanceRequest{
		Name: "backup-drill", SourceInstanceID: source.ID, TenantID: source.TenantID, CloudProvider: source.CloudProvider,
		Region: source.Region, Type: source.Type, Memory: source.Memory, Storage: source.Storage,
	}))
	must(fmt.Fprintf(file, "NEO4J_URI=%s\nNEO4J_USERNAME=%s\nNEO4J_PASSWORD=%s\n", clone.ConnectionURL, clone.Username, clone.Password.Reveal()))
	fmt.Println("cloning into", clone.ID, "with the password", clone.Password, "which Aura says once: it is in", file.Name())
	must(file, file.Close())
	running := auraclient.InstanceWait{For: []auraclient.Status{auraclient.StatusRunning}, Accepted: true, Creating: true}
	must(aura.Instances.Wait(ctx, clone.ID, running))
	snapshot := must(aura.Snapshots.Create(ctx, clone.ID))
	fmt.Println("taking snapshot", snapshot.SnapshotID)
	must(aura.Snapshots.Wait(ctx, clone.ID, snapshot.SnapshotID, nil))
	fmt.Println("restoring it, now", must(aura.Snapshots.Restore(ctx, clone.ID, snapshot.SnapshotID)).Status)
	fmt.Println("the clone is", must(aura.Instances.Wait(ctx, clone.ID, running)).Status, "and costs money until you delete it")
}

func must[T any](value T, err error) T {
	if auraclient.OutcomeUnknown(err) {
		fmt.Fprintln(os.Stderr, "nobody knows whether this was done: look before you try again")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "backup:", err)
		os.Exit(1)
	}
	return value
}
