package rpc

import (
	"context"

	"google.golang.org/grpc"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// What is declared and not built says so, with a reason like every fault: the
// generated answer would be a bare UNIMPLEMENTED.

func (adminService) ListSessions(context.Context, *hubv1.ListSessionsRequest) (*hubv1.ListSessionsResponse, error) {
	return nil, notBuilt("AdminService.ListSessions")
}

func (adminService) DisconnectSession(context.Context, *hubv1.DisconnectSessionRequest) (*hubv1.DisconnectSessionResponse, error) {
	return nil, notBuilt("AdminService.DisconnectSession")
}

func (adminService) Unsubscribe(context.Context, *hubv1.UnsubscribeRequest) (*hubv1.UnsubscribeResponse, error) {
	return nil, notBuilt("AdminService.Unsubscribe")
}

func (adminService) ListMembers(context.Context, *hubv1.ListMembersRequest) (*hubv1.ListMembersResponse, error) {
	return nil, notBuilt("AdminService.ListMembers")
}

func (adminService) ListHistory(context.Context, *hubv1.ListHistoryRequest) (*hubv1.ListHistoryResponse, error) {
	return nil, notBuilt("AdminService.ListHistory")
}

func (adminService) Explain(context.Context, *hubv1.ExplainRequest) (*hubv1.ExplainResponse, error) {
	return nil, notBuilt("AdminService.Explain")
}

func (adminService) Watch(*hubv1.WatchRequest, grpc.ServerStreamingServer[hubv1.WatchResponse]) error {
	return notBuilt("AdminService.Watch")
}

func (adminService) GetStats(context.Context, *hubv1.GetStatsRequest) (*hubv1.GetStatsResponse, error) {
	return nil, notBuilt("AdminService.GetStats")
}

func notBuilt(method string) error {
	return fault.New(fault.NotImplemented, "hub.v1."+method+" is not built yet")
}
