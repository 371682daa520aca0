// Package model checks steps of the protocol by trying every order in which they can happen. What is here is what processes
// with different rules do to tell each other of them, see board.go in the root package. It is a test and nothing else.
package model
