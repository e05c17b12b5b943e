import os,fcntl,struct,time,subprocess,sys,signal,mmap
RUN=0x6cc0; INFO=0x806c0000  # placeholders
def ior(nr,size,d): return (d<<30)|(size<<16)|(0x6c<<8)|nr
infofmt="IIIIII QQQQQ QQQ".replace(" ","")
IS=struct.calcsize(infofmt); assert IS==88, IS
INFO=ior(0xb0,IS,2); MODE=ior(0xb1,16,1); HOLD=ior(0xb2,4,1); LET=ior(0xb3,4,1); CLEAR=ior(0xb4,0,0)
def info(fd):
    b=bytearray(IS); fcntl.ioctl(fd,INFO,b); v=struct.unpack(infofmt,b)
    return dict(zip("version khz mode turn guests held entries switches expiries missed gated min sum max".split(),v))
counts=mmap.mmap(-1,4096)
def guest(i):
    pid=os.fork()
    if pid: return pid
    os.sched_setaffinity(0,{0})
    g=os.open("/dev/lgbench-guest",os.O_RDWR)
    n=0
    while True:
        fcntl.ioctl(g,RUN); n+=1
        struct.pack_into("Q",counts,8*i,n)
def count(i): return struct.unpack_from("Q",counts,8*i)[0]
def kill(p): os.kill(p,9); os.waitpid(p,0)
os.sched_setaffinity(0,{1})
c=os.open("/dev/lgbench",os.O_RDWR)
def spawn(n):
    ps=[]
    for i in range(n):
        ps.append(guest(i)); 
        t=time.time()
        while bin(info(c)["guests"]).count("1")<=i:
            time.sleep(.01); assert time.time()-t<20
    return ps
ps=spawn(2); print(info(c))
fcntl.ioctl(c,CLEAR)
fcntl.ioctl(c,MODE,struct.pack("IIQ",2,0,2000000)); time.sleep(6); i=info(c); print("alternate",i)
assert abs(i["expiries"]-3000)<=60,i
b=os.read(c,1<<20); h=struct.unpack_from("IIQQ",b); print("header",h,len(b))
prev=None
for k in range(h[2]):
    s=struct.unpack_from("QQQII",b,24+32*k); assert s[0]<=s[1]<=s[2] and s[3]!=s[4],s
fcntl.ioctl(c,MODE,struct.pack("IIQ",0,0,0))
fcntl.ioctl(c,HOLD,struct.pack("I",1)); time.sleep(.2); a=count(1); z=count(0); time.sleep(1); assert count(1)==a and count(0)>z,(a,count(1)); print("held ok",count(0)-z)
kill(ps[1]); time.sleep(.1); print("left while held",info(c)["guests"],info(c)["held"]); assert info(c)["guests"]==1
kill(ps[0])
ps=spawn(5)
fcntl.ioctl(c,CLEAR); fcntl.ioctl(c,MODE,struct.pack("IIQ",2,3,5000000)); 
b=[count(i) for i in range(5)]; time.sleep(3); d=[count(i)-b[i] for i in range(5)]; print("five",d,info(c)); assert min(d)>0
for p in ps: 
    kill(p); time.sleep(.05)
print("all gone",info(c)); assert info(c)["guests"]==0
ps=spawn(2); fcntl.ioctl(c,MODE,struct.pack("IIQ",1,1,1000000000)); time.sleep(.3); b=[count(0),count(1)]; time.sleep(.4); d=[count(0)-b[0],count(1)-b[1]]; print("once first",d); assert d[0]==0 and d[1]>0
time.sleep(.6); b=[count(0),count(1)]; time.sleep(.4); d=[count(0)-b[0],count(1)-b[1]]; print("once then",d); assert d[1]==0 and d[0]>0
c2=os.open("/dev/lgbench",os.O_RDWR)
try: fcntl.ioctl(c2,MODE,struct.pack("IIQ",2,0,2000000)); assert 0
except OSError as e: print("second owner:",e)
fcntl.ioctl(c,MODE,struct.pack("IIQ",2,0,2000000))
os.close(c); time.sleep(.3); b=[count(0),count(1)]; time.sleep(.5); d=[count(0)-b[0],count(1)-b[1]]; print("closed: free",d); assert min(d)>0
for p in ps: kill(p)
os.close(c2)
print("SMOKE OK")
