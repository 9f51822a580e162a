package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

type abortsResult struct {
	// From the client's close to the backend's sight of it, ms.
	Reached spread `json:"reachedMs"`
	Missed  int    `json:"missed"`
}

// Opens `--count` streams, closes each after a few events, and asks the backend when it saw that.
func runAborts(args []string) {
	target, model := option(args, "--url", ""), option(args, "--model", "bench")
	count := number(args, "--count", 50)
	closed := make([]int64, count)
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			time.Sleep(time.Duration(i) * 10 * time.Millisecond)
			c, err := dial(target)
			check(err)
			check(c.send(fmt.Sprintf("%s?bench=abort&every=10ms&id=%d", chatPath, i), small(model)))
			_, _, err = c.readHead()
			check(err)
			for lines := 0; lines < 20; lines++ {
				_, err = c.reader.ReadSlice('\n')
				check(err)
			}
			closed[i] = time.Now().UnixNano()
			c.conn.Close()
		}(i)
	}
	group.Wait()
	time.Sleep(time.Second)
	asking, err := dial(target)
	check(err)
	check(asking.send(chatPath+"?bench=aborts", small(model)))
	answer, err := asking.readAnswer()
	check(err)
	seen := map[string]int64{}
	check(json.Unmarshal(answer, &seen))
	var delays []int64
	for i, at := range closed {
		if then, known := seen[fmt.Sprint(i)]; known {
			delays = append(delays, then-at)
		}
	}
	tell(abortsResult{spreadOf(delays, time.Millisecond), count - len(delays)})
}
