//go:build !race

package redis_test

// raceDetector reports whether the race detector is on.
const raceDetector = false
