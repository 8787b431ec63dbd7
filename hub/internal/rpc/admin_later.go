package rpc

import (
	"context"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// What is declared and not built says so, with a reason like every fault: the
// generated answer would be a bare UNIMPLEMENTED.

func (adminService) ListMembers(context.Context, *hubv1.ListMembersRequest) (*hubv1.ListMembersResponse, error) {
	return nil, notBuilt("AdminService.ListMembers")
}

func notBuilt(method string) error {
	return fault.New(fault.NotImplemented, "hub.v1."+method+" is not built yet")
}
