// Starts the server of an unpacked bundle as Claude Desktop would, with the packing tool's own code for what to start, and asks
// it for the databases: node mcpb-try.mjs MCPB_PACKAGE BUNDLE_DIR
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [, , tool, extensionPath] = process.argv;
const { getMcpConfigForManifest } = await import(pathToFileURL(join(tool, "dist", "shared", "config.js")).href);
const manifest = JSON.parse(readFileSync(join(extensionPath, "manifest.json")));

async function listInstances(userConfig) {
	const config = await getMcpConfigForManifest({ manifest, extensionPath, systemDirs: {}, userConfig, pathSeparator: sep });
	const home = mkdtempSync(join(tmpdir(), "mcpb-"));
	const server = spawn(config.command, config.args, { env: { HOME: home, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent", ...config.env }, stdio: ["pipe", "pipe", "inherit"] });
	const answers = new Map();
	createInterface({ input: server.stdout }).on("line", line => {
		const message = JSON.parse(line);
		answers.get(message.id)?.(message.result);
	});
	server.on("exit", code => { if (code) { console.error(`the server ended with ${code}`); process.exit(1); } });
	let id = 0;
	const send = message => server.stdin.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
	const ask = (method, params) => new Promise(resolve => { answers.set(++id, resolve); send({ id, method, params }); });
	await ask("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "claude-ai", version: "0.1.0" } });
	send({ method: "notifications/initialized" });
	const { tools } = await ask("tools/list", {});
	const result = await ask("tools/call", { name: "list_instances", arguments: {} });
	server.stdin.end();
	return { tools: tools.map(t => t.name), text: result.content[0].text, failed: Boolean(result.isError) };
}

function check(what, holds) {
	console.log(`${holds ? "ok   " : "FAIL "} ${what}`);
	if (!holds) process.exitCode = 1;
}

const listed = manifest.tools.map(t => t.name).sort().join();
const demo = await listInstances({ demo: true });
check("on the simulated fleet it lists databases", !demo.failed && demo.text.includes("prod-orders"));
check("the manifest lists the tools on offer", demo.tools.sort().join() === listed);
const empty = await listInstances({});
check("without an API key it says what to do", empty.failed && empty.text.includes("AURA_CLIENT_ID"));
const readOnly = await listInstances({ demo: true, read_only: true });
check("only looking offers no changes", readOnly.tools.includes("list_instances") && !readOnly.tools.includes("delete_instance"));
