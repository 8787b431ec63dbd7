package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/subscription"
)

// ListMembers pages through who is in a channel, by user id.
func (a adminService) ListMembers(ctx context.Context, req *hubv1.ListMembersRequest) (*hubv1.ListMembersResponse, error) {
	match, err := a.administered(ctx, req.GetChannel())
	if err != nil {
		return nil, err
	}
	res := &hubv1.ListMembersResponse{}
	err = a.subscriptions.Members(match, req.GetCursor(), int(req.GetLimit()), func(page subscription.Page) {
		res.Anonymous = uint32(page.Anonymous) //nolint:gosec // a process has fewer than 2³² sessions
		res.Cursor = page.Next
		for _, m := range page.Members {
			res.Members = append(res.Members, &hubv1.Member{
				UserId: m.UserID, Sessions: uint32(m.Sessions), Since: timestamppb.New(m.Since), //nolint:gosec // as above
			})
		}
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}
