// Wakes this session when mail waits: each line that the waiting command prints becomes a prompt. Standard output is the
// connection to Copilot CLI, so nothing is printed.
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { joinSession } from "@github/copilot-sdk/extension"

const WAIT = ["@WAIT@"]

const session = await joinSession()
// The name that Copilot CLI gives to the commands of its shell tool: the waiting command finds its session as they do.
const environment = { ...process.env, COPILOT_AGENT_SESSION_ID: session.sessionId }
const waiting = spawn(WAIT[0], WAIT.slice(1), { env: environment, stdio: ["ignore", "pipe", "ignore"] })
waiting.on("error", (error) => session.log(`sos: no wake: ${error.message}`, { level: "warning" }))
createInterface({ input: waiting.stdout }).on("line", (line) => {
  // "system" keeps the line off the screen. In a turn it waits for its end. A session that has just ended takes no prompt.
  session.send({ prompt: line, source: "system" }).catch(() => waiting.kill())
})
process.on("exit", () => waiting.kill())
process.on("SIGTERM", () => process.exit(0))
