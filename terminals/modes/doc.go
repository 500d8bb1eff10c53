// Package modes is what the clearing centre says that terminals need not check for a while, on a
// line, at a station or everywhere of an operator: the service modes (降级模式). Package downlink
// receives them and a file keeps them; gate and validator ask for each card what is in force at
// their place.
//
// A terminal uses its own clock: a mode holds from the first moment of its first second to the end
// of its last one, with or without a broker. What each mode does is in docs/modes.md.
package modes
