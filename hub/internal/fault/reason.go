package fault

import "google.golang.org/grpc/codes"

// Reason names the cause of a fault for programs. The names are those of
// hub.v1.Reason without their prefix; a test holds the two together.
type Reason string

// The reasons of the contract; hub/v1/reason.proto says when each is given.
const (
	CredentialsInvalid    Reason = "CREDENTIALS_INVALID"
	CredentialsExpired    Reason = "CREDENTIALS_EXPIRED"
	CredentialsRequired   Reason = "CREDENTIALS_REQUIRED"
	ScopeDenied           Reason = "SCOPE_DENIED"
	ChannelUnknown        Reason = "CHANNEL_UNKNOWN"
	NotFound              Reason = "NOT_FOUND"
	ChannelNameInvalid    Reason = "CHANNEL_NAME_INVALID"
	RequestInvalid        Reason = "REQUEST_INVALID"
	InboundNotAccepted    Reason = "INBOUND_NOT_ACCEPTED"
	NotEnabled            Reason = "NOT_ENABLED"
	PayloadInvalid        Reason = "PAYLOAD_INVALID"
	PayloadMalformed      Reason = "PAYLOAD_MALFORMED"
	PayloadTooLarge       Reason = "PAYLOAD_TOO_LARGE"
	RateLimited           Reason = "RATE_LIMITED"
	TooManySubscriptions  Reason = "TOO_MANY_SUBSCRIPTIONS"
	Overloaded            Reason = "OVERLOADED"
	NoWorker              Reason = "NO_WORKER"
	Draining              Reason = "DRAINING"
	EngineUnavailable     Reason = "ENGINE_UNAVAILABLE"
	SchemaInvalid         Reason = "SCHEMA_INVALID"
	ChannelConflict       Reason = "CHANNEL_CONFLICT"
	NotImplemented        Reason = "NOT_IMPLEMENTED"
	HandlerTimeout        Reason = "HANDLER_TIMEOUT"
	HandlerFailed         Reason = "HANDLER_FAILED"
	PositionUnrecoverable Reason = "POSITION_UNRECOVERABLE"
	Internal              Reason = "INTERNAL"
)

// kind is what a reason settles. Retryable are the reasons that pass with
// time, without a change by the sender. HANDLER_FAILED's code is the worker's
// where it gave one.
type kind struct {
	code      codes.Code
	retryable bool
}

var kinds = map[Reason]kind{
	CredentialsInvalid:    {code: codes.Unauthenticated},
	CredentialsExpired:    {code: codes.Unauthenticated},
	CredentialsRequired:   {code: codes.Unauthenticated},
	ScopeDenied:           {code: codes.PermissionDenied},
	ChannelUnknown:        {code: codes.NotFound},
	NotFound:              {code: codes.NotFound},
	ChannelNameInvalid:    {code: codes.InvalidArgument},
	RequestInvalid:        {code: codes.InvalidArgument},
	InboundNotAccepted:    {code: codes.FailedPrecondition},
	NotEnabled:            {code: codes.FailedPrecondition},
	PayloadInvalid:        {code: codes.InvalidArgument},
	PayloadMalformed:      {code: codes.InvalidArgument},
	PayloadTooLarge:       {code: codes.ResourceExhausted},
	RateLimited:           {code: codes.ResourceExhausted, retryable: true},
	TooManySubscriptions:  {code: codes.ResourceExhausted},
	Overloaded:            {code: codes.ResourceExhausted, retryable: true},
	NoWorker:              {code: codes.Unavailable, retryable: true},
	Draining:              {code: codes.Unavailable, retryable: true},
	EngineUnavailable:     {code: codes.Unavailable, retryable: true},
	SchemaInvalid:         {code: codes.InvalidArgument},
	ChannelConflict:       {code: codes.AlreadyExists},
	NotImplemented:        {code: codes.Unimplemented},
	HandlerTimeout:        {code: codes.DeadlineExceeded, retryable: true},
	HandlerFailed:         {code: codes.Internal},
	PositionUnrecoverable: {code: codes.OutOfRange},
	Internal:              {code: codes.Internal},
}

// codeNames are the canonical names of google.rpc.Code; codes.Code.String
// gives Go's spelling instead.
var codeNames = map[codes.Code]string{
	codes.OK: "OK", codes.Canceled: "CANCELLED", codes.Unknown: "UNKNOWN",
	codes.InvalidArgument: "INVALID_ARGUMENT", codes.DeadlineExceeded: "DEADLINE_EXCEEDED",
	codes.NotFound: "NOT_FOUND", codes.AlreadyExists: "ALREADY_EXISTS",
	codes.PermissionDenied: "PERMISSION_DENIED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Aborted: "ABORTED",
	codes.OutOfRange: "OUT_OF_RANGE", codes.Unimplemented: "UNIMPLEMENTED",
	codes.Internal: "INTERNAL", codes.Unavailable: "UNAVAILABLE",
	codes.DataLoss: "DATA_LOSS", codes.Unauthenticated: "UNAUTHENTICATED",
}

// CodeName is the code's canonical name, as INVALID_ARGUMENT.
func CodeName(code codes.Code) string {
	if name, ok := codeNames[code]; ok {
		return name
	}
	return codeNames[codes.Unknown]
}

// ParseCode is the code with a canonical name.
func ParseCode(name string) (codes.Code, bool) {
	for code, n := range codeNames {
		if n == name && code != codes.OK {
			return code, true
		}
	}
	return codes.Unknown, false
}
