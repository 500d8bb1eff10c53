// Package demo is "citycard demo": it issues cards, lets a simulated city live through a day, clears
// and closes the day, and holds the books against what the city knows it sent. Cards and city are
// programs of their own, cardsim and cardterm, which it runs.
package demo
