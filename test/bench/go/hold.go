package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

type holdResult struct {
	// From the first to the last of them at the backend, and from there to the last answer, ms.
	ReachedIn  float64 `json:"reachedInMs"`
	AnsweredIn float64 `json:"answeredInMs"`
	Errors     int     `json:"errors"`
	First      string  `json:"firstError,omitempty"`
}

// Sends `--count` requests that have to wait, says `sent`, and reads the answers after a line on
// standard input.
func runHold(args []string) {
	target, model := option(args, "--url", ""), option(args, "--model", "bench")
	count := number(args, "--count", 10000)
	body := []byte(fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Tell me of the quick brown fox."}]}`, model))
	clients := make([]*client, count)
	// More at once than the listen queue takes would be refused, and tried again after a second.
	places := make(chan struct{}, 64)
	var group sync.WaitGroup
	for i := range clients {
		places <- struct{}{}
		group.Add(1)
		go func(i int) {
			defer group.Done()
			c, err := dial(target)
			check(err)
			check(c.send(chatPath+"?bench=stamp", body))
			clients[i] = c
			<-places
		}(i)
	}
	group.Wait()
	fmt.Println("sent")
	bufio.NewReader(os.Stdin).ReadString('\n')

	var mutex sync.Mutex
	var result holdResult
	var first, last, answered int64
	for _, c := range clients {
		group.Add(1)
		go func(c *client) {
			defer group.Done()
			var told struct{ At int64 }
			answer, err := c.readAnswer()
			if err == nil {
				err = json.Unmarshal(answer, &told)
			}
			now := time.Now().UnixNano()
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				result.Errors++
				result.First = err.Error()
				return
			}
			if first == 0 || told.At < first {
				first = told.At
			}
			if told.At > last {
				last = told.At
			}
			if now > answered {
				answered = now
			}
		}(c)
	}
	group.Wait()
	result.ReachedIn, result.AnsweredIn = float64(last-first)/1e6, float64(answered-first)/1e6
	tell(result)
}
