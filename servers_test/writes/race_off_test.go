//go:build !race

package writes

// raceDetector reports whether the race detector is on.
const raceDetector = false
