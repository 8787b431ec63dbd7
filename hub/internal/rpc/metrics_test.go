package rpc_test

import (
	"net"
	"strings"
	"testing"

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
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	const method = `grpc_method="Broadcast",grpc_service="hub.v1.BroadcastService",grpc_type="unary"`
	text, err := testutil.CollectAndFormat(metrics, expfmt.TypeTextPlain, "grpc_server_handled_total", "hub_rpc_connections_total")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`grpc_server_handled_total{grpc_code="OK",` + method + `} 1`,
		`grpc_server_handled_total{grpc_code="Unauthenticated",` + method + `} 2`,
		`grpc_server_handled_total{grpc_code="InvalidArgument",` + method + `} 2`,
		`hub_rpc_connections_total{outcome="grpc"} 1`,
		`hub_rpc_connections_total{outcome="http"} 3`,
		`hub_rpc_connections_total{outcome="no_preface"} 1`,
	} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if t.Failed() {
		t.Log(string(text))
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
