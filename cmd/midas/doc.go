// Command midas is the product in one program: it runs the identity plane and the
// MySQL gateway, and it is the command line that speaks to them in az's words.
//
// It owns the global flags, the configuration file, the environment variables, the exit
// codes and the commands that are midas's own, one file each; root.go lists all commands.
// It decides nothing itself: internal/stack wires and runs the servers, and az's commands
// are in internal/azcli, which reaches servers only through the same HTTP API that az uses.
package main
