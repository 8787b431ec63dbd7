package blog

import (
	"encoding/json"
	"errors"
	"net/http"

	"google.golang.org/grpc/codes"

	hub "github.com/realtime-hub/hub/sdk/go"
)

var statuses = map[codes.Code]int{
	codes.InvalidArgument: http.StatusBadRequest, codes.NotFound: http.StatusNotFound,
	codes.ResourceExhausted: http.StatusTooManyRequests, codes.Unavailable: http.StatusServiceUnavailable,
}

// refusal is an error in the form in which the hub tells pages of its own.
type refusal struct {
	Reason     string      `json:"reason"`
	Message    string      `json:"message"`
	Violations []violation `json:"violations"`
}

type violation struct {
	Field   string `json:"field"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// refuse tells why not, where the error was written to be told.
func refuse(w http.ResponseWriter, err error) {
	refused, ok := errors.AsType[*hub.Error](err)
	if !ok {
		refused = &hub.Error{Code: codes.Internal, Reason: "INTERNAL", Message: "the backend failed"}
	}
	told := refusal{Reason: refused.Reason, Message: refused.Message}
	for _, v := range refused.Violations {
		told.Violations = append(told.Violations, violation(v))
	}
	status, known := statuses[refused.Code]
	if !known {
		status = http.StatusInternalServerError
	}
	answer(w, status, map[string]refusal{"error": told})
}

func answer(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "the answer is no JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a page that left has nobody to tell
}
