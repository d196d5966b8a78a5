import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import {
  findNvidiaGpus,
  joinGpus,
  parseGpus,
  parseInstanceDetails,
  parseInstances,
  parseProcesses,
} from '../../../src/agent/probe/nvidiaSmi.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-nvidia-'));
after(() => fs.rmSync(folder, { recursive: true }));

function program(name: string, script: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  return file;
}

const none = { processes: new Map(), instances: [], details: new Map() };

test('values that are not known are null, and a name may hold commas', () => {
  const text = [
    '0, GPU-aa, NVIDIA H200, 143771, 12, 0, 31, 76.55, 700.00',
    '1, GPU-bb, Odd, Name, [N/A], [Not Supported], [Unknown Error], [N/A], [N/A], [GPU requires reset]',
    'Unable to determine the device handle for GPU0000:65:00.0: Unknown Error',
    ', , , , , , , , ',
    '',
  ].join('\n');
  const card = { vendor: 'nvidia', instance: null };
  assert.deepEqual(parseGpus(text), [
    {
      ...card,
      index: 0,
      uuid: 'GPU-aa',
      name: 'NVIDIA H200',
      memoryTotalMiB: 143771,
      memoryUsedMiB: 12,
      utilization: 0,
      temperature: 31,
      powerDraw: 76.55,
      powerLimit: 700,
    },
    {
      ...card,
      index: 1,
      uuid: 'GPU-bb',
      name: 'Odd, Name',
      memoryTotalMiB: null,
      memoryUsedMiB: null,
      utilization: null,
      temperature: null,
      powerDraw: null,
      powerLimit: null,
    },
  ]);
});

test('processes are found by the UUID of their GPU; nothing else is taken for one', () => {
  const text =
    'GPU-aa, 4711, 60310\nGPU-aa, 4712, [N/A]\nGPU-bb, 9, 100\nNo running processes found\n[Not Supported]\n';
  assert.deepEqual(
    [...parseProcesses(text)],
    [
      [
        'GPU-aa',
        [
          { pid: 4711, memoryMiB: 60310 },
          { pid: 4712, memoryMiB: null },
        ],
      ],
      ['GPU-bb', [{ pid: 9, memoryMiB: 100 }]],
    ],
  );
});

const listed = `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-fcf41002)
  MIG 3g.20gb     Device  0: (UUID: MIG-e07a497d)
  MIG 1g.5gb      Device  1: (UUID: MIG-GPU-fcf41002/7/0)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-11111111)
`;
/** A shortened answer of `nvidia-smi -q -x`; the order of its elements is the tool's. */
const xml = `<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log>
	<gpu id="00000000:10:00.0">
		<mig_mode><current_mig>Enabled</current_mig></mig_mode>
		<mig_devices>
			<mig_device>
				<index>0</index>
				<gpu_instance_id>2</gpu_instance_id>
				<compute_instance_id>0</compute_instance_id>
				<uuid>MIG-e07a497d</uuid>
				<fb_memory_usage><total>19968 MiB</total><reserved>0 MiB</reserved><used>298 MiB</used></fb_memory_usage>
			</mig_device>
			<mig_device>
				<index>1</index>
				<gpu_instance_id>7</gpu_instance_id>
				<compute_instance_id>0</compute_instance_id>
				<fb_memory_usage><total>4864 MiB</total><used>2 MiB</used></fb_memory_usage>
			</mig_device>
		</mig_devices>
		<uuid>GPU-fcf41002</uuid>
		<fb_memory_usage><total>40960 MiB</total><used>N/A</used></fb_memory_usage>
		<processes>
			<process_info>
				<gpu_instance_id>2</gpu_instance_id>
				<compute_instance_id>0</compute_instance_id>
				<pid>4711</pid>
				<type>C</type>
				<process_name>python3</process_name>
				<used_memory>280 MiB</used_memory>
			</process_info>
		</processes>
	</gpu>
	<gpu id="00000000:15:00.0">
		<mig_devices>
			None
		</mig_devices>
		<uuid>GPU-11111111</uuid>
		<processes></processes>
	</gpu>
</nvidia_smi_log>`;
const cards = parseGpus(
  '0, GPU-fcf41002, NVIDIA A100, 40960, [N/A], [N/A], 30, 55, 400\n1, GPU-11111111, NVIDIA A100, 40960, 4, 0, 28, 50, 400',
);

test('MIG instances stand in place of their card, each with its own UUID, memory and processes', () => {
  const gpus = joinGpus(cards, {
    processes: new Map(),
    instances: parseInstances(listed),
    details: parseInstanceDetails(xml),
  });
  assert.deepEqual(
    gpus.map(({ index, instance, uuid, name, memoryTotalMiB, memoryUsedMiB, processes }) => [
      ...[index, instance, uuid, name, memoryTotalMiB, memoryUsedMiB],
      processes?.map(({ pid }) => pid),
    ]),
    [
      [0, 0, 'MIG-e07a497d', 'NVIDIA A100 MIG 3g.20gb', 19968, 298, [4711]],
      [0, 1, 'MIG-GPU-fcf41002/7/0', 'NVIDIA A100 MIG 1g.5gb', 4864, 2, []],
      [1, null, 'GPU-11111111', 'NVIDIA A100', 40960, 4, []],
    ],
  );
});

test('without details a process of the card may be on any of its instances', () => {
  const gpus = joinGpus(cards, {
    processes: parseProcesses('GPU-fcf41002, 4711, 280\nMIG-e07a497d, 9, 1'),
    instances: parseInstances(listed),
    details: new Map(),
  });
  assert.deepEqual(
    gpus.map(({ processes }) => processes?.map(({ pid }) => pid)),
    [[9, 4711], [4711], []],
  );
});

test('no text breaks the readers', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const gpu of parseGpus(text)) assert.ok(Number.isInteger(gpu.index));
      for (const processes of parseProcesses(text).values())
        for (const { pid } of processes) assert.ok(pid > 0);
      parseInstances(text);
      parseInstanceDetails(`<gpu ${text}`);
    }),
  );
});

test('no tool and no device mean no GPU, without a word', async () => {
  assert.deepEqual(await findNvidiaGpus(path.join(folder, 'none')), { gpus: [] });
  assert.deepEqual(await findNvidiaGpus(program('six', 'exit 6')), { gpus: [] });
});

test('a driver in trouble is told in one sentence', async () => {
  assert.match((await findNvidiaGpus(program('nine', 'exit 9'))).warning ?? '', /no NVIDIA driver/);
  assert.match((await findNvidiaGpus(program('eighteen', 'exit 18'))).warning ?? '', /restarted/);
  const line = '0, GPU-a, A, 1, 1, 1, 1, 1, 1';
  const partly = await findNvidiaGpus(program('partly', `echo "${line}"; exit 255`));
  assert.equal(partly.gpus.length, 1);
  assert.match(partly.warning ?? '', /255/);
  const only = `case $1 in --query-gpu*) echo "${line}";; *) exit 1;; esac`;
  const mute = await findNvidiaGpus(program('mute', only));
  assert.deepEqual(mute.gpus, joinGpus(parseGpus(line), { ...none, processes: null }));
  assert.match(mute.warning ?? '', /which processes/);
});

test('a tool that hangs is not waited for', async () => {
  const before = process.env.BIPHASE_CLOCK;
  process.env.BIPHASE_CLOCK = '0.02';
  try {
    const found = await findNvidiaGpus(program('hangs', 'exec sleep 1000'));
    assert.match(found.warning ?? '', /did not answer/);
    assert.equal(found.silent, true);
  } finally {
    if (before === undefined) delete process.env.BIPHASE_CLOCK;
    else process.env.BIPHASE_CLOCK = before;
  }
});
