// Package network is the map of the simulated city, by date, and who runs it.
//
// Stations, lines and distances are those of the city's rule document network.json. The city's own
// file says what no rule document does: operators and the lines that each of them runs, the types
// of the cards, top-up channels and hospitals. Every fault of that file is named by its field.
//
// The built-in city has the public names of the stations of Zhengzhou metro line 1 and of the first
// section of line 2. Its distances, station numbers, bus lines, channels and hospitals are invented
// for simulation.
//
// Stations are numbered 1..n over all lines; an interchange has one number and occurs once in each
// of its lines. A metro line and a bus line may have the same number.
package network
