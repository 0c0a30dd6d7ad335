// Written by `sos connect copilot`: wakes this session when mail waits. Each line of the waiting command becomes a prompt.
// Standard output is the connection to Copilot CLI, so nothing is printed.
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { joinSession } from "@github/copilot-sdk/extension"

const WAIT = "@WAIT@"

const session = await joinSession()
// The name that Copilot CLI gives to what its shell tool runs: the waiting command finds its session as they do.
const environment = { ...process.env, COPILOT_AGENT_SESSION_ID: session.sessionId }
const waiting = spawn(WAIT, [], { env: environment, stdio: ["ignore", "pipe", "ignore"] })
waiting.on("error", (error) => session.log(`sos: nothing wakes this session: ${error.message}`, { level: "warning" }))
createInterface({ input: waiting.stdout }).on("line", (line) => {
  // "system" keeps the line off the screen. In a turn it waits for its end. A session that has just ended takes no prompt.
  session.send({ prompt: `[sos] A notice of this machine, not of your user: ${line}`, source: "system" }).catch(() => waiting.kill())
})
process.on("exit", () => waiting.kill())
process.on("SIGTERM", () => process.exit(0))
