package rpc_test

import (
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/rpc"
)

func TestCallsAndConnectionsAreCountedWithWhatThePeerSaw(t *testing.T) {
	metrics := prometheus.NewRegistry()
	d := serve(t, rpc.Config{Gate: tokens(t), Metrics: metrics})
	client := hubv1.NewBroadcastServiceClient(d.dial(t))
	if _, err := client.Broadcast(with(t.Context(), "Bearer "+blogToken), broadcast()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Broadcast(t.Context(), broadcast()); err == nil {
		t.Fatal("a stranger was let in")
	}
	d.post(t, pathBroadcast, validJSON)
	d.post(t, pathBroadcast, `{`, "Authorization", "Bearer "+blogToken)
	d.post(t, pathBroadcast, `{}`, "Authorization", "Bearer "+blogToken)
	c, err := net.Dial("tcp", d.address) // as a TCP probe does
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	const method = `grpc_method="Broadcast",grpc_service="hub.v1.BroadcastService",grpc_type="unary"`
	wanted := []string{
		`grpc_server_handled_total{grpc_code="OK",` + method + `} 1`,
		`grpc_server_handled_total{grpc_code="Unauthenticated",` + method + `} 2`,
		`grpc_server_handled_total{grpc_code="InvalidArgument",` + method + `} 2`,
		`hub_rpc_connections_total{outcome="grpc"} 1`,
		`hub_rpc_connections_total{outcome="http"} 3`,
		`hub_rpc_connections_total{outcome="no_preface"} 1`,
	}
	// A peer has its answer a moment before it is counted, and a probe is none
	// before it was looked at.
	for begin := time.Now(); ; runtime.Gosched() {
		text, err := testutil.CollectAndFormat(metrics, expfmt.TypeTextPlain, "grpc_server_handled_total", "hub_rpc_connections_total")
		if err != nil {
			t.Fatal(err)
		}
		lacking := slices.DeleteFunc(slices.Clone(wanted), func(want string) bool { return strings.Contains(string(text), want+"\n") })
		if len(lacking) == 0 {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("no %s in\n%s", lacking, text)
		}
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestTheLogOfCallsHasNoSecrets(t *testing.T) {
	d := serve(t, rpc.Config{Gate: tokens(t), LogCalls: true})
	client := hubv1.NewBroadcastServiceClient(d.dial(t))
	req := broadcast()
	req.Payload = &hubv1.BroadcastRequest_Json{Json: `{"secret":"hunter2"}`}
	if _, err := client.Broadcast(with(t.Context(), "Bearer "+blogToken), req); err != nil {
		t.Fatal(err)
	}
	d.post(t, pathBroadcast, `{"channel":"a.b","json":"hunter2"}`, "Authorization", "Bearer "+blogToken)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	log := d.log.String()
	if strings.Contains(log, "hunter2") || strings.Contains(log, blogToken) {
		t.Errorf("the log has a secret: %s", log)
	}
	if strings.Count(log, "grpc.method=Broadcast") != 2 || strings.Count(log, "caller=blog") != 2 || !strings.Contains(log, "grpc.code=OK") {
		t.Errorf("the log has %s", log)
	}
}
