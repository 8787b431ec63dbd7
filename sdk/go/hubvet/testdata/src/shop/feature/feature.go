package feature

import (
	_ "fmt"

	_ "github.com/zishang520/socket.io/v3" // want `socket.io/v3 is imported outside of its one package \(R2\)`
)
