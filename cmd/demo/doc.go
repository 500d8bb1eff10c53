// Package demo is "citycard demo": it issues cards, plays a day of a simulated city, clears and
// closes the day, and compares the books with the city's own record of what it sent. Cards and city
// are simulated by the programs cardsim and cardterm, which it runs.
package demo
