// The parts of the bench that must cost little or be Go: the backend, the clients, and the Go proxies
// that vllm-chill is compared with.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail("which part?")
	}
	parts := map[string]func([]string){
		"backend": runBackend,
		"proxy":   runProxy,
		"streams": runStreams,
		"bodies":  runBodies,
		"aborts":  runAborts,
		"hold":    runHold,
	}
	part, known := parts[os.Args[1]]
	if !known {
		fail("no part " + os.Args[1])
	}
	part(os.Args[2:])
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(2)
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

// A result is one line of JSON.
func tell(result any) {
	check(json.NewEncoder(os.Stdout).Encode(result))
}
