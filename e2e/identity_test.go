package e2e_test

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var secret = []byte("a secret of at least thirty-two bytes")

// cookie is what hubs of these tests take a token from.
const cookie = "hub_session"

// token is a JWT for a user, for an hour.
func token(t *testing.T, user string, roles ...string) string {
	t.Helper()
	return signed(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"sub": user, "roles": roles, "exp": time.Now().Add(time.Hour).Unix()})
}

// until is a JWT that ends at the time, cut to seconds.
func until(t *testing.T, user string, end time.Time) string {
	t.Helper()
	return signed(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"sub": user, "exp": end.Unix()})
}

func signed(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// as connects with a token in the auth payload.
func as(token string) options {
	if token == "" {
		return options{}
	}
	return options{auth: map[string]string{"token": token}}
}
