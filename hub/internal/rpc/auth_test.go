package rpc_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionalphapb "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/rpc"
)

const (
	blogToken  = "blog-0123456789abcdef0123456789abcdef"
	adminToken = "admin-0123456789abcdef0123456789abcdef"
)

func tokens(t *testing.T) *gate.Gate {
	t.Helper()
	return newGate(t, gate.Config{Tokens: []gate.ServiceToken{
		{Name: "blog", Token: blogToken, Allow: []gate.Right{gate.Broadcast, gate.Register}, Channels: []string{"blog.*"}},
		{Name: "ops", Token: adminToken, Allow: []gate.Right{gate.Admin}, Channels: []string{"*"}},
	}})
}

func with(ctx context.Context, authorization ...string) context.Context {
	return metadata.NewOutgoingContext(ctx, metadata.MD{"authorization": authorization})
}

func TestOnlyKnownCallersGetInOverBothProtocols(t *testing.T) {
	var name atomic.Value
	d := serve(t, rpc.Config{Gate: tokens(t), Broadcast: named(&name)})
	client := hubv1.NewBroadcastServiceClient(d.dial(t))
	for _, c := range []struct {
		name          string
		authorization []string
		reason        string
	}{
		{"known", []string{"Bearer " + blogToken}, ""},
		{"none", nil, "CREDENTIALS_REQUIRED"},
		{"unknown", []string{"Bearer " + blogToken + "x"}, "CREDENTIALS_INVALID"},
		{"two", []string{"Bearer " + blogToken, "Bearer " + adminToken}, "CREDENTIALS_INVALID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := client.Broadcast(with(t.Context(), c.authorization...), broadcast())
			var header []string
			for _, a := range c.authorization {
				header = append(header, "Authorization", a)
			}
			res, body := d.post(t, pathBroadcast, validJSON, header...)
			if c.reason == "" {
				if err != nil || res.StatusCode != 200 || name.Load() != "blog" {
					t.Errorf("refused: %v; %d %s; as %v", err, res.StatusCode, body, name.Load())
				}
				return
			}
			if info, _ := details(t, err); info.GetReason() != c.reason || status.Code(err) != codes.Unauthenticated {
				t.Errorf("gRPC: %v", err)
			}
			if res.StatusCode != 401 || !strings.Contains(body, c.reason) {
				t.Errorf("HTTP: %d %s", res.StatusCode, body)
			}
			if strings.Contains(d.log.String()+body, blogToken) {
				t.Error("a token was written")
			}
		})
	}
}

func TestStrangersAreRefusedBeforeTheirMessageIsRead(t *testing.T) {
	d := serve(t, rpc.Config{Gate: tokens(t)})
	// Neither sends a message.
	stream, err := d.dial(t).NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, pathBroadcast)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&hubv1.BroadcastResponse{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("gRPC: %v", err)
	}
	c, err := net.Dial("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST "+pathBroadcast+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "401") {
		t.Errorf("HTTP: %q, %v", line, err)
	}
}

func TestHealthIsOpenAndReflectionIsNot(t *testing.T) {
	d := serve(t, rpc.Config{Gate: tokens(t)})
	conn := d.dial(t)
	if _, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Errorf("health: %v", err)
	}
	res, body := d.post(t, "/grpc.health.v1.Health/Check", "{}")
	if res.StatusCode != 200 || body != `{"status":"SERVING"}` {
		t.Errorf("health over HTTP: %d %s", res.StatusCode, body)
	}
	if _, err := reflect(t.Context(), conn); status.Code(err) != codes.Unauthenticated {
		t.Errorf("reflection for strangers: %v", err)
	}
	if names, err := reflect(with(t.Context(), "Bearer "+blogToken), conn); err != nil || !strings.Contains(names, "hub.v1.BroadcastService") {
		t.Errorf("reflection for callers: %v, %v", names, err)
	}
	old, err := reflectionalphapb.NewServerReflectionClient(conn).ServerReflectionInfo(with(t.Context(), "Bearer "+blogToken))
	if err != nil {
		t.Fatal(err)
	}
	request := &reflectionalphapb.ServerReflectionRequest{} //nolint:staticcheck // old, like the tools that use it
	fill(t, request, `{"fileContainingSymbol":"hub.v1.AdminService"}`)
	if err := old.Send(request); err != nil {
		t.Fatal(err)
	}
	if answer, err := old.Recv(); err != nil || !strings.Contains(answer.String(), "file_descriptor_response") {
		t.Errorf("v1alpha: %v, %v", answer, err)
	}
	if err := old.CloseSend(); err != nil {
		t.Error(err)
	}
}

func TestReflectionCanBeOff(t *testing.T) {
	off := false
	d := serve(t, rpc.Config{Reflection: &off})
	if _, err := reflect(t.Context(), d.dial(t)); status.Code(err) != codes.Unimplemented {
		t.Errorf("answered %v", err)
	}
}

func reflect(ctx context.Context, conn grpc.ClientConnInterface) (string, error) {
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return "", err
	}
	_ = stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	res, err := stream.Recv()
	if err != nil {
		return "", err
	}
	return res.String(), stream.CloseSend()
}
