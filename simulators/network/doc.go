// Package network is the map of the simulated city: metro lines and stations, bus lines, operators,
// top-up channels and hospitals. It comes from one data file, checked as a whole when it is read.
//
// The built-in file has the public names of the stations of Zhengzhou metro line 1 and of the first
// section of line 2. Its distances, station numbers, bus lines, channels and hospitals are invented
// for simulation.
//
// Stations are numbered 1..n over all lines; an interchange has one number and
// occurs once in each of its lines.
package network
