package blog

import (
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// person is somebody as whom a visitor of the page may sign in.
type person struct {
	Name, ID string
	Roles    []string
	Is       string // for people
}

// people are all who may sign in, by what the page calls them. Real users have an
// identity provider; these have a name.
var people = []person{
	{Name: "Ann", ID: "user_1", Is: "a reader"},
	{Name: "Eve", ID: "user_2", Roles: []string{"editor"}, Is: "an editor"},
	{Name: "Ivo", ID: "user_3", Roles: []string{"editor"}, Is: "an editor"},
}

// tokenLife is short: the page fetches another at each connect.
const tokenLife = 5 * time.Minute

// token is what the hub knows a person by: it has the same secret.
func (p person) token(secret []byte) (string, error) {
	claims := jwt.MapClaims{"sub": p.ID, "roles": p.Roles, "exp": time.Now().Add(tokenLife).Unix()}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
}
