// Package model checks steps of the protocol by trying every order in which they can happen: what processes with different rules do
// to tell each other of them, see board.go in the root package; and how writers hold a key by several commands, see write.go in
// redisstore. It is a test and nothing else.
package model
