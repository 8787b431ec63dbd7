// Package channel stands in for the real one.
package channel

type Inbound[M any] struct{ _ [0]M }
