//go:build race

package wire_test

// raced: the race detector makes everything several times slower.
const raced = true
