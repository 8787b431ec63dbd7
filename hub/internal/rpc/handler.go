package rpc

import (
	"google.golang.org/grpc"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

type handlerService struct {
	hubv1.UnimplementedHandlerServiceServer
}

// Handle will attach a worker, once dispatch is built.
func (handlerService) Handle(grpc.BidiStreamingServer[hubv1.HandleRequest, hubv1.HandleResponse]) error {
	return notBuilt("HandlerService.Handle")
}

func notBuilt(method string) error {
	return fault.New(fault.NotImplemented, "hub.v1."+method+" is not built yet")
}
