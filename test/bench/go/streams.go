package main

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type streamsResult struct {
	Chunks  int64   `json:"chunks"`
	Seconds float64 `json:"seconds"`
	// Of the proxy, in the window.
	CPUSeconds float64 `json:"cpuSeconds"`
	// Time to the first byte of an answer, and from the backend's write of an event to its arrival, µs.
	FirstByte spread `json:"firstByteUs"`
	Delay     spread `json:"delayUs"`
	Errors    int64  `json:"errors"`
	FirstErr  string `json:"firstError,omitempty"`
}

// Keeps `--streams` streams open, each `--chunks` events long and then followed by another one on the
// same connection; measures for `--window` after `--warm`.
func runStreams(args []string) {
	target, model := option(args, "--url", ""), option(args, "--model", "bench")
	count, chunks := number(args, "--streams", 200), number(args, "--chunks", 100)
	every := duration(args, "--every", "20ms")
	window, warm := duration(args, "--window", "3s"), duration(args, "--warm", "1500ms")
	path := fmt.Sprintf("%s?bench=stream&chunks=%d&every=%s", chatPath, chunks, every)

	var measuring, over atomic.Bool
	var arrived, failed atomic.Int64
	var mutex sync.Mutex
	var delays, firsts []int64
	firstErr := ""
	body := small(model)
	for i := 0; i < count; i++ {
		// Spread over the life of a stream, so that begins and ends come evenly.
		offset := time.Duration(i) * warm * 2 / 3 / time.Duration(count)
		go func() {
			time.Sleep(offset)
			mine, mineFirst := make([]int64, 0, 1<<12), make([]int64, 0, 64)
			c, err := dial(target)
			for err == nil && !over.Load() {
				begun := time.Now().UnixNano()
				first := true
				if err = c.send(path, body); err != nil {
					break
				}
				err = c.events(func(at int64, now int64) {
					if !measuring.Load() {
						first = false
						return
					}
					if first {
						mineFirst = append(mineFirst, now-begun)
						first = false
					}
					mine = append(mine, now-at)
					arrived.Add(1)
				})
				mutex.Lock()
				delays, firsts = append(delays, mine...), append(firsts, mineFirst...)
				mutex.Unlock()
				mine, mineFirst = mine[:0], mineFirst[:0]
			}
			if err != nil && !over.Load() {
				failed.Add(1)
				mutex.Lock()
				firstErr = err.Error()
				mutex.Unlock()
			}
		}()
	}
	time.Sleep(warm)
	watched := pids(args)
	cpu, begun := cpuOf(watched), time.Now()
	measuring.Store(true)
	time.Sleep(window)
	measuring.Store(false)
	seconds, chunksArrived := time.Since(begun).Seconds(), arrived.Load()
	cpu = cpuOf(watched) - cpu
	// What streams still have of samples comes with their ends.
	time.Sleep(every * time.Duration(chunks) * 11 / 10)
	over.Store(true)
	mutex.Lock()
	tell(streamsResult{chunksArrived, seconds, cpu, spreadOf(firsts, time.Microsecond), spreadOf(delays, time.Microsecond), failed.Load(), firstErr})
}

var eventMark = []byte(eventStart)

// Reads one streamed answer; `each` gets the time an event was written at, and the present one.
func (c *client) events(each func(at int64, now int64)) error {
	status, length, err := c.readHead()
	if err != nil {
		return err
	}
	if status != 200 || length != -1 {
		return fmt.Errorf("status %d, length %d", status, length)
	}
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if bytes.HasPrefix(line, eventMark) {
			at, err := strconv.ParseInt(string(line[len(eventMark):len(eventMark)+19]), 10, 64)
			if err != nil {
				return err
			}
			each(at, time.Now().UnixNano())
		} else if line[0] == '0' {
			_, err = c.reader.Discard(2)
			return err
		}
	}
}
