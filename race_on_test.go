//go:build race

package moneyclip_test

// raceDetector reports whether the race detector is on, which allocates for itself and empties pools at random.
const raceDetector = true
