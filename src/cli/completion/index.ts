export { answerShell } from './answer-shell.ts'
export { scripts, shells } from './scripts.ts'
