/** Reasons: why a target was missed, by workload, as the profiles told; printed beside the verdict. */

export const REASONS: Readonly<Record<string, string>> = {
  W1: 'a poll that runs while files are sent lists them before they are acknowledged; each is then looked at once more, a HEAD that the server answers instead of a PUT. Four processes, PostgreSQL and Redis share two cores with the server.',
  W2: 'each file is written beside its place, synced to the disk, linked and acknowledged, where peers only write it: about 4 ms of processor time a file beside the 5 that the server of the same two cores takes to answer.',
  W3: 'at small sizes the time is that of asking four processes to look, not of looking. Node with the libraries of a process takes about 130 MiB before it does anything.',
  W4: 'each file changed here costs a look before the PUT and a proof after it, each one changed upstream a look and a GET.',
  W5: 'a change passes the watcher or poller, the queue, the decider, the queue again and a transfer, with a statement or two in each. Beside a backlog both cores are busy with that, and each of these steps waits for its turn.',
  W6: 'up, the file is read once for its digest before it is sent; down, it takes 10 s of processor time, twice that of rclone, on cores that the server needs, too. No profile was taken that says for what.',
  W7: 'the watcher takes half of the processor time: each second it reads the rows of all its pairs. A poll takes 7 ms with its statements and its place in the queue. No profile was taken of either.',
  W8: 'by calculation from one and two processes, about 10 s of each run are shared by nobody: what comes before and after the transfers, at 50 ms an answer. Requests and processor time stay the same. No profile was taken.',
  W9: 'first contact writes each row twice, marked and acknowledged, and the dead versions stay in the file of the table until other rows take their place.',
  W10: 'a listing that may lag is no ground to call a name equal, so Swift is asked once for each of them (performance.md says why that was not given up).',
};
