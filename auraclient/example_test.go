package auraclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"aura-mcp/auraclient"
)

// conversation answers each request with the next answer for its method and path,
// and the last one from then on. It stands for Aura in the examples.
type conversation map[string][]string

func (c conversation) RoundTrip(r *http.Request) (*http.Response, error) {
	key := r.Method + " " + r.URL.Path
	answer, status := "", http.StatusNotFound
	switch answers := c[key]; {
	case key == "POST /oauth/token":
		answer, status = `{"access_token":"t","expires_in":3600}`, http.StatusOK
	case len(answers) > 0:
		answer, status = answers[0], http.StatusOK
		c[key] = answers[min(1, len(answers)-1):]
	}
	if strings.Contains(answer, `"errors"`) {
		status = http.StatusConflict
	}
	return &http.Response{StatusCode: status, Header: http.Header{"X-Request-Id": {"0af7/12"}}, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

func exampleClient(c conversation) *auraclient.Client {
	client, err := auraclient.New("client-id", "client-secret", auraclient.WithTransport(c))
	if err != nil {
		panic(err)
	}
	return client
}

func Example_list() {
	client := exampleClient(conversation{
		"GET /v1/instances": {`{"data":[{"id":"2f49c2b3","name":"Production"},{"id":"a1b2c3d4","name":"Test"}]}`},
	})
	instances, err := client.Instances.List(context.Background(), "")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range instances {
		fmt.Println(i.ID, i.Name)
	}
	// Output:
	// 2f49c2b3 Production
	// a1b2c3d4 Test
}

// Aura accepts a resume at once and carries it out later.
func ExampleInstancesService_Wait() {
	client := exampleClient(conversation{
		"POST /v1/instances/2f49c2b3/resume": {`{"data":{"id":"2f49c2b3","status":"resuming"}}`},
		"GET /v1/instances/2f49c2b3":         {`{"data":{"id":"2f49c2b3","status":"resuming"}}`, `{"data":{"id":"2f49c2b3","status":"running"}}`},
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if _, err := client.Instances.Resume(ctx, "2f49c2b3"); err != nil {
		fmt.Println(err)
		return
	}
	instance, err := client.Instances.Wait(ctx, "2f49c2b3", auraclient.InstanceWait{
		For:      []auraclient.Status{auraclient.StatusRunning},
		Accepted: true,
		OnUpdate: func(i auraclient.Instance) { fmt.Println("now:", i.Status) },
	})
	var end *auraclient.WaitError
	switch {
	case errors.As(err, &end):
		fmt.Println("still", end.Status)
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(instance.ID, "is", instance.Status)
	}
	// Output:
	// now: resuming
	// now: running
	// 2f49c2b3 is running
}

func ExampleError() {
	client := exampleClient(conversation{
		"POST /v1/instances/2f49c2b3/pause": {`{"errors":[{"message":"The instance 2f49c2b3 is currently undergoing an operation: creating","reason":"ongoing-database-operation"}]}`},
	})
	_, err := client.Instances.Pause(context.Background(), "2f49c2b3")
	switch {
	case err == nil:
		fmt.Println("accepted")
	case auraclient.OutcomeUnknown(err):
		fmt.Println("it may have been paused: look before you try again")
	case auraclient.IsBusy(err):
		e, _ := auraclient.AsError(err)
		fmt.Println("busy:", e.Message)
		fmt.Println("for the support:", e.RequestID)
	default:
		fmt.Println(err)
	}
	// Output:
	// busy: The instance 2f49c2b3 is currently undergoing an operation: creating
	// for the support: 0af7/12
}

func ExampleSnapshotsService_Restore() {
	client := exampleClient(conversation{
		"POST /v1/instances/2f49c2b3/snapshots":                              {`{"data":{"snapshot_id":"2026-01-20T18:07:25Z-adhoc"}}`},
		"GET /v1/instances/2f49c2b3/snapshots/2026-01-20T18:07:25Z-adhoc":    {`{"data":{"snapshot_id":"2026-01-20T18:07:25Z-adhoc","status":"Completed"}}`},
		"POST /v1/instances/2f49c2b3/snapshots/2026-01-20T18:07:25Z/restore": {`{"data":{"id":"2f49c2b3","status":"restoring"}}`},
	})
	ctx := context.Background()
	safety, err := client.Snapshots.Create(ctx, "2f49c2b3")
	if err != nil {
		fmt.Println(err)
		return
	}
	snapshot, err := client.Snapshots.Wait(ctx, "2f49c2b3", safety.SnapshotID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("safe:", snapshot.SnapshotID, snapshot.Status)
	instance, err := client.Snapshots.Restore(ctx, "2f49c2b3", "2026-01-20T18:07:25Z")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("accepted:", instance.Status)
	// Output:
	// safe: 2026-01-20T18:07:25Z-adhoc Completed
	// accepted: restoring
}
