//go:build race

package servers

// RaceDetector reports whether the race detector is on.
const RaceDetector = true
