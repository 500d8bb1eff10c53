// Package network is the map that the simulated city rides on: metro lines and
// stations, bus lines, and who operates, tops up and heals there. It comes from
// one data file, checked as a whole when it is read.
//
// The file that is built in names the stations of Zhengzhou metro line 1 and of
// the first section of line 2 as the public knows them. Its distances, station
// numbers, bus lines, channels and hospitals are invented for simulation.
//
// Stations are numbered 1..n over all lines; an interchange has one number and
// occurs once in each of its lines.
package network
